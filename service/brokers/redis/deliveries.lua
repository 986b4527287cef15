-- How far a room's log was handed to the operator's receiver, and whose the room is meanwhile.
-- KEYS: 1 place (string: epoch ":" seq), 2 sender (string with an end: who holds the room)
-- ARGV: 1 the step, 2 the holder, then
--       take: ms      save: ms, place      release
-- Answers 1 if the room is the holder's (else 0), then the place or "", then the keys that were none of ours, which are
-- gone.
local place, sender = KEYS[1], KEYS[2]
local op, holder = ARGV[1], ARGV[2]
local answer = { 0, '' }

for _, key in ipairs(KEYS) do
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'string' and kind ~= 'none' then
    redis.call('DEL', key)
    answer[#answer + 1] = key
  end
end

local held = redis.call('GET', sender)
if held and held ~= holder then return answer end
answer[1] = 1
if op == 'release' then
  redis.call('DEL', sender)
else
  if op == 'save' then redis.call('SET', place, ARGV[4]) end
  redis.call('SET', sender, holder, 'PX', ARGV[3])
  answer[2] = redis.call('GET', place) or ''
end
return answer
