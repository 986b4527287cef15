-- One room's events: dedupe, count, append, broadcast, as one step or not at all (see broker.py).
-- The first command writes, so that under maxmemory or on a replica the whole script is refused and nothing is broadcast.
local log, position, ids, old_ids, marks = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local channel = ARGV[1]        -- where the room's subscribers listen
local fresh_epoch = ARGV[2]    -- the epoch to begin if there is no log
local history_limit = ARGV[3]  -- events kept, at least
local ids_limit = tonumber(ARGV[4])  -- ids remembered, at least
local seconds = ARGV[5]        -- after so long in silence the room is forgotten
local known_epoch, known_seq = ARGV[6], tonumber(ARGV[7])  -- what the publishing process has seen of the log
-- then five for each event: author .. "\n" .. id, head, tail, change ("" or JSON), author
local FIRST = 8

local function digits(number) return string.format('%.0f', number) end

local time = redis.call('TIME')
local at = digits(time[1] * 1000 + math.floor(time[2] / 1000))

local epoch, seq
local stood = redis.call('GET', position)
if stood then
  epoch, seq = string.match(stood, '^(.*):(%d+)$')
  seq = tonumber(seq)
  -- Redis came back without what it acknowledged: counting on under the old name would use seqs twice.
  if epoch == known_epoch and seq < known_seq then epoch = fresh_epoch end
else
  epoch, seq = fresh_epoch, 0
  redis.call('DEL', log, ids, old_ids, marks)
end
redis.call('SET', position, epoch .. ':' .. digits(seq), 'EX', seconds)

-- What a change does to its target's marks; answers nil, or why it is refused.
local function apply(text, author)
  local change = cjson.decode(text)
  local target = digits(change.target)
  local entry = redis.call('XRANGE', log, target .. '-0', target .. '-0')[1]
  local frame = entry and entry[2][2]
  if not frame or string.sub(frame, 1, 17) ~= '{"type":"message"' then return 'absent' end
  local kept = redis.call('HGET', marks, target)
  local mark = kept and cjson.decode(kept) or {}
  if mark.removed then return 'removed' end
  if change.kind == 'react' then
    local reactions = mark.reactions or {}
    local users, others, known = {}, reactions[change.emoji] or {}, 0
    for _, user in ipairs(others) do
      if user ~= author then users[#users + 1] = user end
    end
    if change.on then users[#users + 1] = author end
    reactions[change.emoji] = #users > 0 and users or nil
    for _ in pairs(reactions) do known = known + 1 end
    if known > 20 or #users > 500 then return 'reactions' end  -- as in marks.py
    mark.reactions = known > 0 and reactions or nil
  else
    local owner = cjson.decode(frame).user.id == author
    if not owner and not (change.kind == 'remove' and change.moderator) then return 'forbidden' end
    if change.kind == 'remove' then
      mark = { removed = true }
    else
      mark.text, mark.edited_at = change.text, tonumber(at)
    end
  end
  if next(mark) == nil then
    redis.call('HDEL', marks, target)
  else
    redis.call('HSET', marks, target, cjson.encode(mark))
  end
end

local answers, frames, first = {}, {}, seq + 1
for i = FIRST, #ARGV, 5 do
  local id = ARGV[i]
  local known = redis.call('HGET', ids, id) or redis.call('HGET', old_ids, id)
  if known then
    answers[#answers + 1] = 'd:' .. known
  else
    local refused = ARGV[i + 3] ~= '' and apply(ARGV[i + 3], ARGV[i + 4])
    if refused then
      answers[#answers + 1] = refused
    else
      seq = seq + 1
      local number = digits(seq)
      local frame = ARGV[i + 1] .. number .. ARGV[i + 2] .. at .. '}'
      redis.call('XADD', log, 'MAXLEN', '~', history_limit, number .. '-0', 'f', frame)
      redis.call('HSET', ids, id, number .. ':' .. at)
      answers[#answers + 1] = number .. ':' .. at
      frames[#frames + 1] = frame
    end
  end
end

if #frames > 0 then
  redis.call('SET', position, epoch .. ':' .. digits(seq), 'EX', seconds)
  -- Two generations of ids: when the young one is full it becomes the old one, so nothing is swept id by id.
  if redis.call('HLEN', ids) >= ids_limit then redis.call('RENAME', ids, old_ids) end
  for _, key in ipairs({ log, ids, old_ids, marks }) do redis.call('EXPIRE', key, seconds) end
  -- Marks of trimmed messages go now and then.
  if seq % 1000 < #frames then
    local oldest = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
    local floor = tonumber(string.match(oldest[1], '^%d+'))
    for _, target in ipairs(redis.call('HKEYS', marks)) do
      if tonumber(target) < floor then redis.call('HDEL', marks, target) end
    end
  end
  redis.call('PUBLISH', channel, 'E' .. epoch .. ':' .. digits(first) .. '\n' .. table.concat(frames, '\n'))
end
return answers
