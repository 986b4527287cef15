-- A sanction of everywhere, told to a room where somebody is: until every process knows of it by itself.
-- KEYS: 1 what is new of everywhere (hash: kind " " user -> JSON)
-- ARGV: field, value ("": it is lifted), seconds
-- Answers 1.
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'hash' and kind ~= 'none' then redis.call('DEL', KEYS[1]) end
if ARGV[2] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  redis.call('EXPIRE', KEYS[1], ARGV[3])
end
return 1
