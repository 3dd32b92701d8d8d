-- Returns tokens to one item's pool. A pool that is gone is seeded without them; it is never below zero.
-- KEYS[1] units taken. ARGV[1] quantity. Returns the quantity that came back.
local taken = tonumber(redis.call('GET', KEYS[1]))
if not taken or taken <= 0 then
  return 0
end
local back = math.min(taken, tonumber(ARGV[1]))
redis.call('DECRBY', KEYS[1], string.format('%.0f', back))
return back
