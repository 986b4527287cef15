-- The rooms that a user read in last, by when. KEYS: the rooms (zset; release 1.0 had a set).
local visits = KEYS[1]
if redis.call('TYPE', visits).ok == 'set' then
  local rooms = redis.call('SMEMBERS', visits)
  redis.call('DEL', visits)
  for _, room in ipairs(rooms) do redis.call('ZADD', visits, 0, room) end
end
if ARGV[1] == 'add' then  -- room, time, how many to keep
  redis.call('ZADD', visits, ARGV[3], ARGV[2])
  redis.call('ZREMRANGEBYRANK', visits, 0, -1 - ARGV[4])
  return {}
end
return redis.call('ZREVRANGE', visits, 0, ARGV[2] - 1)
