-- Which processes live.
-- KEYS: 1 processes (sorted set: process by ms of death), 2 remove: the rooms in which the process has people (set)
-- ARGV: 1 the step, then
--       beat: process, ms to live      remove: process, "own" or "" (only a dead one)
-- Answers
--       beat: 2 if the process was alive, 1 if it was only known, 0 if not even that; the time; whether the key was
--       damaged; and who is dead
--       remove: 1 if nothing is left of the process
local op = ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)  -- ms, Redis's own clock

if op == 'beat' then
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
elseif op == 'remove' then
  local alive = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[2]) or 0) > now
  if (ARGV[3] == '' and alive) or redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
  redis.call('ZREM', KEYS[1], ARGV[2])
  return 1
end
