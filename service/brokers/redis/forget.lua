-- Takes a user out of some events of a room behind a seq, and of what else the room has of them. The rules are those of
-- `forgotten` and `forget` in marks.py; the contract suite holds the two equal. Done again, it changes nothing.
-- KEYS: those of log.lua
-- ARGV: 1 user, 2 their id and 3 `marks.GONE` as JSON, 4 behind which seq, 5 how many messages, and changes, at most
-- Answers the seq up to which it came, "" at the end; or as `guarded` does.
local user, id, gone, from, limit = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local is_message, _, redacted = frame_functions()
local id_in_marks = cjson.encode(user)  -- which escapes more than frames do

local function behind(key)
  return redis.call('ZRANGEBYSCORE', key, '(' .. from, '+inf', 'LIMIT', 0, limit)
end

-- The frame as somebody else's; nil if it is not theirs. A name ends at a quotation mark without a backslash.
local function disowned(frame)
  local first, last = string.find(frame, '"user":{"id":' .. id .. ',"name":"', 1, true)
  local stop = last
  while stop do
    stop = string.find(frame, '["\\]', stop + 1)
    if not stop then return nil end
    if string.sub(frame, stop, stop) == '"' then break end
    stop = stop + 1
  end
  if not stop or string.sub(frame, stop + 1, stop + 1) ~= '}' then return nil end
  local left = string.sub(frame, 1, first - 1) .. '"user":' .. gone .. string.sub(frame, stop + 2)
  if is_message(left) or string.sub(left, 1, 16) == '{"type":"edited"' then return redacted(left) end
  return (string.gsub(left, '"on":true,"at":(%d+)}$', '"on":false,"at":%1}'))
end

local function without_reactions(mark)
  local whole, left = pcall(cjson.decode, mark)
  if not whole or type(left) ~= 'table' then return nil end
  if type(left.reactions) == 'table' then
    for emoji, users in pairs(left.reactions) do
      local others = {}
      for _, one in ipairs(type(users) == 'table' and users or {}) do if one ~= user then others[#others + 1] = one end end
      left.reactions[emoji] = #others > 0 and others or nil
    end
    if not next(left.reactions) then left.reactions = nil end
  end
  if type(left.retracted) == 'table' then
    left.retracted[user] = nil
    if not next(left.retracted) then left.retracted = nil end
  end
  return next(left) and cjson.encode(left) or ''
end

return guarded(function()
  local said, changed = behind(messages), behind(changes)
  local up_to = ''
  for _, seqs in ipairs({ said, changed }) do
    local last = #seqs == limit and tonumber(seqs[#seqs])
    if last and (up_to == '' or last < tonumber(up_to)) then up_to = digits(last) end
  end
  redis.call('HLEN', marks)
  redis.call('ZCARD', authors)
  redis.call('ZCARD', reads)
  for _, seqs in ipairs({ said, changed }) do
    for _, seq in ipairs(seqs) do
      if up_to ~= '' and tonumber(seq) > tonumber(up_to) then break end
      local frame = redis.call('HGET', log, seq)
      local left = frame and disowned(frame)
      local mark = seqs == said and redis.call('HGET', marks, seq)
      if left then
        redis.call('HSET', log, seq, left)
        if seqs == said then
          redis.call('ZREM', authors, authored(user, seq))
          redis.call('ZADD', authors, 0, authored('', seq))
          redis.call('HDEL', marks, seq)
        end
      elseif mark and string.find(mark, id_in_marks, 1, true) then
        mark = without_reactions(mark)
        if mark == '' then redis.call('HDEL', marks, seq) elseif mark then redis.call('HSET', marks, seq, mark) end
      end
    end
  end
  redis.call('ZREM', reads, user)
  local kept = redis.pcall('HMGET', about, 'begun', 'topic')
  local whole, begun = pcall(cjson.decode, kept[1] or 'null')
  if whole and type(begun) == 'table' and type(begun.user) == 'table' and begun.user.id == user then
    redis.call('HSET', about, 'begun', '{"user":' .. gone .. ',"at":' .. digits(tonumber(begun.at) or 0) .. '}')
  end
  local topic = kept[2] and disowned(kept[2])
  if topic then redis.call('HSET', about, 'topic', topic) end
  return up_to
end)
