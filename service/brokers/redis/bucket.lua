-- How many messages a user sent of late, over all processes.
-- KEYS: 1 the user's bucket (string: ms at which it is full again)
-- ARGV: 1 messages, 2 messages/s, 3 burst
-- Answers the ms until the bucket is no longer overdrawn, and 1 for one that could not be read.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)  -- ms, Redis's own clock

-- A bucket is charged after the fact, so it may be overdrawn. One that is full later than any can be was left by a
-- clock that was ahead: it begins anew.
local rate, burst = tonumber(ARGV[2]), tonumber(ARGV[3])
local latest = now + (burst + 10 * rate) * 1000 / rate
local kept = redis.pcall('GET', KEYS[1])
local full = type(kept) == 'string' and tonumber(kept)
local damaged = kept and not full
if not full or not (full >= now and full <= latest + 1) then full = now end
full = math.min(full + tonumber(ARGV[1]) * 1000 / rate, latest)
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.max(1, math.ceil(full - now)))
return { math.max(0, math.ceil(full - now - burst * 1000 / rate)), damaged and 1 or 0 }
