-- The rooms that a user read in last.
-- KEYS: 1 the rooms (sorted set: room by when; release 1.0 had a set)
-- ARGV: 1 the step, then
--       add: room, time, how many to keep      list: how many
-- Answers nothing to add, and to list the rooms, the latest first.
local visits = KEYS[1]
if redis.call('TYPE', visits).ok == 'set' then
  local rooms = redis.call('SMEMBERS', visits)
  redis.call('DEL', visits)
  for _, room in ipairs(rooms) do redis.call('ZADD', visits, 0, room) end
end
if ARGV[1] == 'add' then
  redis.call('ZADD', visits, ARGV[3], ARGV[2])
  redis.call('ZREMRANGEBYRANK', visits, 0, -1 - ARGV[4])
  return {}
end
return redis.call('ZREVRANGE', visits, 0, ARGV[2] - 1)
