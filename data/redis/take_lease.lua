-- Leases up to a block of tokens of the bucket (generic cell rate algorithm, the server's clock).
-- KEYS[1] microsecond at which the bucket is full again. ARGV[1] tokens per second, ARGV[2] burst, ARGV[3] wanted.
-- Returns { granted, microseconds until the next token }.
local interval = 1000000 / tonumber(ARGV[1])
local depth = tonumber(ARGV[2]) * interval
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

-- A clock that stepped back must not empty the bucket for longer than a bucket takes to fill.
local full_at = math.min(math.max(tonumber(redis.call('GET', KEYS[1])) or now, now), now + math.ceil(depth))
-- The thousandth keeps a whole token whole in floating point; rounding full_at up pays it back.
local granted = math.min(tonumber(ARGV[3]), math.max(0, math.floor((now + depth - full_at) / interval + 0.001)))
if granted > 0 then
  full_at = math.ceil(full_at + granted * interval)
  -- %.0f, because these numbers have 16 digits and Lua by itself writes 14.
  redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'PX', math.ceil(depth / 1000) + 1)
end
return { granted, math.max(0, math.ceil(full_at + interval - depth - now)) }
