-- The small shared states, each a step that must be atomic. ARGV[1] names it:
local op = ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)  -- ms, Redis's own clock

if op == 'beat' then
  -- KEYS: processes (zset: process by ms of death); ARGV: process, ms to live
  -- answers 2 if the process was alive, 1 if it was only known, 0 if not even that; the time; whether the key was
  -- damaged; and who is dead
  local kind = redis.call('TYPE', KEYS[1]).ok
  local damaged = kind ~= 'zset' and kind ~= 'none'
  if damaged then redis.call('DEL', KEYS[1]) end
  local dies = now + tonumber(ARGV[3])
  local death = redis.call('ZSCORE', KEYS[1], ARGV[2])
  redis.call('ZADD', KEYS[1], dies, ARGV[2])
  -- Who dies later than we do beat before the clock was set back.
  for _, ahead in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. string.format('%.0f', dies), '+inf')) do
    redis.call('ZADD', KEYS[1], dies, ahead)
  end
  local dead = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 100)
  local known = not death and 0 or tonumber(death) > now and 2 or 1
  return { known, now, damaged and 1 or 0, dead }
elseif op == 'buried' then
  -- KEYS: processes, the rooms in which one has people; ARGV: the process, "own" or "" (only a dead one)
  local alive = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[2]) or 0) > now
  if (ARGV[3] == '' and alive) or redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
  redis.call('ZREM', KEYS[1], ARGV[2])
  return 1
elseif op == 'charge' then
  -- KEYS: the user's bucket (ms at which it is full again); ARGV: messages, messages/s, burst
  -- A bucket is charged after the fact, so it may be overdrawn; answers the ms until it is not, and 1 for a bucket that
  -- could not be read. One that is full later than any can be was left by a clock that was ahead: it begins anew.
  local rate, burst = tonumber(ARGV[3]), tonumber(ARGV[4])
  local latest = now + (burst + 10 * rate) * 1000 / rate
  local kept = redis.pcall('GET', KEYS[1])
  local full = type(kept) == 'string' and tonumber(kept)
  local damaged = kept and not full
  if not full or not (full >= now and full <= latest + 1) then full = now end
  full = math.min(full + tonumber(ARGV[2]) * 1000 / rate, latest)
  redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.max(1, math.ceil(full - now)))
  return { math.max(0, math.ceil(full - now - burst * 1000 / rate)), damaged and 1 or 0 }
end
