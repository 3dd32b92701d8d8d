-- Gives a buyer's window back, if it is still the one that this attempt has opened.
-- KEYS[1] the window. ARGV[1] the attempt's value, ARGV[2] milliseconds that are left of it; 0: nothing.
-- Returns 1 if it was the attempt's, else 0.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
local keep = tonumber(ARGV[2])
if keep == 0 then
  redis.call('DEL', KEYS[1])
elseif redis.call('PTTL', KEYS[1]) > keep then
  redis.call('PEXPIRE', KEYS[1], keep)
end
return 1
