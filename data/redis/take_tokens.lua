-- Takes tokens of one item's pool, all of them or none.
-- KEYS[1] units taken. ARGV[1] limit, ARGV[2] quantity, ARGV[3] seed: units the caller knows to be taken besides
-- these, ARGV[4] seconds after which the pool is seeded anew, so that tokens lost in an outage come back.
-- Returns 1 if taken, else 0.
local taken = tonumber(redis.call('GET', KEYS[1]))
if not taken then
  taken = tonumber(ARGV[3])
  redis.call('SET', KEYS[1], ARGV[3], 'EX', ARGV[4])
end
if taken + tonumber(ARGV[2]) > tonumber(ARGV[1]) then
  return 0
end
redis.call('INCRBY', KEYS[1], ARGV[2])
return 1
