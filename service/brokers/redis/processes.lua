-- Which processes live, and where each has people.
-- KEYS: 1 processes (sorted set: process by ms of death), 2 whether Redis lost them of late (names.lua asks it), 3 but for
--       beat: the rooms in which the process has people (set; "*": everywhere)
-- ARGV: 1 the step, 2 the process, then
--       beat: ms to live, loss      enter: ms to live, loss, room      leave: room      alive, remove: "own" or "" (only a
--       dead one). A loss is the ms for which names are not to be claimed if nothing is known of the process, which was
--       told of it before: of the others, and of who is present, nothing is known then, either. 0 for one that is new.
-- Answers a number, then what else is to be said:
--       beat: 2 if the process was alive, 1 if it was only known, 0 if not even that; the time; whether the key was
--       damaged; who is dead, and who lives
--       enter: the same number, leave: 0; then the keys that were none of ours, which are gone
--       alive: 1 if it is
--       remove: 1 if nothing is left of the process
local processes, unsettled, noted = KEYS[1], KEYS[2], KEYS[3]
local op, process = ARGV[1], ARGV[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)  -- ms, Redis's own clock

local function check(key, wanted)  -- what is of another type than ours goes
  local kind = redis.call('TYPE', key).ok
  if kind == wanted or kind == 'none' then return true end
  redis.call('DEL', key)
  return false
end

local function standing()
  local death = redis.call('ZSCORE', processes, process)
  return not death and 0 or tonumber(death) > now and 2 or 1
end

local function begin(dies, loss)  -- the process is known from here on; what was known of it
  local stood = standing()
  if stood == 0 and loss ~= '0' then redis.call('SET', unsettled, '1', 'PX', loss) end
  if stood < 2 or op == 'beat' then redis.call('ZADD', processes, dies, process) end
  return stood
end

if op == 'beat' then
  local damaged = not check(processes, 'zset')
  local dies = now + tonumber(ARGV[3])
  local stood = begin(dies, ARGV[4])
  -- Who dies later than we do beat before the clock was set back.
  for _, ahead in ipairs(redis.call('ZRANGEBYSCORE', processes, '(' .. string.format('%.0f', dies), '+inf')) do
    redis.call('ZADD', processes, dies, ahead)
  end
  local dead = redis.call('ZRANGEBYSCORE', processes, '-inf', now, 'LIMIT', 0, 100)
  local alive = redis.call('ZRANGEBYSCORE', processes, '(' .. string.format('%.0f', now), '+inf')
  return { stood, now, damaged and 1 or 0, dead, alive }
elseif op == 'enter' then
  local answer = { 0 }
  if not check(processes, 'zset') then answer[#answer + 1] = processes end
  if not check(noted, 'set') then answer[#answer + 1] = noted end
  answer[1] = begin(now + ARGV[3], ARGV[4])
  redis.call('SADD', noted, ARGV[5])
  return answer
elseif op == 'leave' then
  if not check(noted, 'set') then return { 0, noted } end
  redis.call('SREM', noted, ARGV[3])
  return { 0 }
elseif op == 'alive' then
  return { standing() == 2 and 1 or 0 }
elseif op == 'remove' then
  if (ARGV[3] == '' and standing() == 2) or redis.call('EXISTS', noted) == 1 then return { 0 } end
  redis.call('ZREM', processes, process)
  return { 1 }
end
