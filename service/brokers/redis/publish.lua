-- One room's events: dedupe, rights, count, append, broadcast, as one step or not at all (see brokers/log.py).
-- Everything is read and checked before the first write, and that one is refused under maxmemory or on a replica.
-- KEYS: those of log.lua, 12 the room's sanctions and 13 those of everywhere that are new (hashes: kind " " user -> JSON)
-- ARGV: 1 the command that broadcasts, "" for none; 2 the channel where the room's subscribers listen; 3 the epoch to
--       begin if there is no log; 4, 5, 6 how
--       many messages, changes and ids are kept at least; 7, 8 the epoch and seq up to which the publishing process has
--       seen the log; 9 that process's time in ms: sanctions end by it, as everywhere else, for Redis's own clock may
--       be set by a year; then seven for each event: user, id, network, content, head, tail, change ("" or JSON)
-- Answers the epoch, then for each event: seq ":" at; "d:" seq ":" at for one that is there already, or changes nothing; or why it is
-- refused: "absent", "removed", "forbidden", "reactions", "often", "topic", "about", "used", "ban", "mute". Or as `guarded` does.
local broadcast, channel, fresh_epoch = ARGV[1], ARGV[2], ARGV[3]
local messages_limit, changes_limit, ids_limit = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local known_epoch, known_seq, asked_at = ARGV[7], tonumber(ARGV[8]), tonumber(ARGV[9])
local FIRST, EACH = 10, 7

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local at = digits(now)

local written, changed = {}, {}  -- by seq: frames to store, of this batch and redacted ones; marks, or false for none
local disowned = {}              -- by seq: the authors of messages that are removed

-- Makes the function that applies a change. The rules are those of marks.py: it answers nil, "same" if nothing changes,
-- or why it is refused.
local function rules()
  local is_message, is_removed, redacted, author_of = frame_functions()

  local function table_of(value) return type(value) == 'table' and value or {} end

  local function frame_of(seq) return written[seq] or redis.call('HGET', log, seq) end

  local function mark_of(target)
    if changed[target] then return changed[target] end
    local whole, mark = pcall(cjson.decode, redis.call('HGET', marks, target) or '{}')
    return whole and table_of(mark) or {}
  end

  local function react(mark, change, user)
    local reactions, retracted = table_of(mark.reactions), table_of(mark.retracted)
    local users, given = {}, false
    for _, one in ipairs(table_of(reactions[change.emoji])) do
      if one == user then given = true else users[#users + 1] = one end
    end
    if given == change.on then return 'same' end
    local times, others = tonumber(retracted[user]), 0
    if not times then
      for _ in pairs(retracted) do others = others + 1 end
    end
    if change.on then
      local known = reactions[change.emoji] and 0 or 1
      users[#users + 1] = user
      for _ in pairs(reactions) do known = known + 1 end
      if known > 20 or #users > 500 then return 'reactions' end
      if (times or 0) >= 20 or others >= 10000 then return 'often' end
    elseif others < 10000 then
      retracted[user] = (times or 0) + 1
    end
    reactions[change.emoji] = #users > 0 and users or nil
    mark.reactions = next(reactions) and reactions or nil
    mark.retracted = next(retracted) and retracted or nil
  end

  local function edit(frame, mark, change, seq)
    local whole, message = pcall(cjson.decode, frame)
    if change.text == (mark.text or whole and message.text) then return 'same' end
    local edits = table_of(mark.edits)
    if #edits >= 100 then return 'often' end
    edits[#edits + 1] = seq
    mark.text, mark.edited_at, mark.edits = change.text, now, edits
  end

  local function remove(target, frame, mark, author)
    local bare = redacted(frame)
    if not bare then return 'absent' end
    written[target], changed[target] = bare, false
    for _, seq in ipairs(table_of(mark.edits)) do
      seq = digits(tonumber(seq) or 0)
      local edited = frame_of(seq)
      if edited then written[seq] = redacted(edited) end
    end
    disowned[target] = author
  end

  local function apply(change, user, seq)
    local target = digits(change.target)
    local frame = frame_of(target)
    if not is_message(frame) then return 'absent' end
    if is_removed(frame) then return 'removed' end
    local mark, refused = mark_of(target), nil
    if change.kind == 'react' then
      refused = react(mark, change, user)
    else
      local author = author_of(frame)
      if author ~= user and not (change.kind == 'remove' and change.moderator) then return 'forbidden' end
      if change.kind == 'remove' then return remove(target, frame, mark, author or '') end
      refused = edit(frame, mark, change, seq)
    end
    if not refused then changed[target] = next(mark) and mark or false end
    return refused
  end

  return apply
end

-- Makes the functions for what the room is about. `set` applies a topic by the rule of `sets` in about.py and answers as
-- `apply` does; `keep` writes what is new. `old`: whether the room was begun before this batch.
local function topics(old)
  local kept = redis.pcall('HMGET', about, 'begun', 'topic')
  local function field(i)
    local whole, value = pcall(cjson.decode, old and kept[i] or 'null')
    return whole and type(value) == 'table' and value or {}
  end
  local begun, text, place = field(1).user, field(2).text or '', nil
  local known_beginner = type(begun) == 'table' and begun.id

  local function set(change, user, seq, beginner)
    if seq > 1 and not change.moderator and user ~= (beginner or known_beginner) then return 'topic' end
    if kept.err then return 'about' end
    if change.text == text then return 'same' end
    text, place = change.text, digits(seq)
  end

  -- The first event begins the room: what is there of an earlier life goes.
  local function keep(first_frame)
    if kept.err then return end
    local whole, event = pcall(cjson.decode, first_frame or '')
    if first_frame then redis.call('DEL', about) end
    if whole then redis.call('HSET', about, 'begun', '{"user":' .. cjson.encode(event.user) .. ',"at":' .. at .. '}') end
    if place and text == '' then redis.call('HDEL', about, 'topic') end
    if place and text ~= '' then redis.call('HSET', about, 'topic', written[place]) end
  end

  return set, keep
end

-- Makes the function that says which sanction of these keys holds against an author: "ban", "mute" or false.
local function sanctioning(keys)
  local barred = {}
  local function holds(fields)
    for _, key in ipairs(keys) do
      for _, record in ipairs(redis.call('HMGET', key, unpack(fields))) do
        local whole, sanction = pcall(cjson.decode, record or 'null')
        local till = whole and type(sanction) == 'table' and tonumber(sanction['until'])
        if till and (till == 0 or till > asked_at) then return true end
      end
    end
    return false
  end
  return function(user, network)
    local author = #user .. ':' .. user .. network
    if barred[author] == nil then
      barred[author] = false
      for _, kind in ipairs({ 'mute', 'ban' }) do
        local fields = { kind .. ' ' .. user }
        if network ~= '' then fields[2] = kind .. '/net ' .. network end
        if holds(fields) then barred[author] = kind end
      end
    end
    return barred[author]
  end
end

-- The keys among those of sanctions that hold any. One that is none of ours holds nobody; who reads them all says so.
local function sanctions()
  local keys = {}
  for i = 12, 13 do
    local count = redis.pcall('HLEN', KEYS[i])
    if type(count) == 'number' and count > 0 then keys[#keys + 1] = KEYS[i] end
  end
  return #keys > 0 and sanctioning(keys)
end

-- Finds what goes when so many more messages and changes come, and makes the function that lets it go, if anything
-- does. Messages go by their number, changes by theirs or with the messages, for nobody can resume from before either.
local function trimming(more_messages, more_changes, head)
  local SLACK, STEP = 64, 1000  -- entries beyond a limit before they are trimmed; at most so many at once
  local _, is_removed, _, author_of = frame_functions()
  local function oldest(key, more, limit)
    local count = redis.call('ZCARD', key)
    local excess = math.min(count + more - limit, count, STEP)
    return excess >= SLACK and redis.call('ZRANGE', key, 0, excess - 1) or {}
  end
  local trimmed = { messages = oldest(messages, more_messages, messages_limit), authors = {} }
  local dropped = oldest(changes, more_changes, changes_limit)
  local low = math.max(tonumber(trimmed.messages[#trimmed.messages]) or 0, tonumber(dropped[#dropped]) or 0)
  if low == 0 then return nil end
  local lowest = tonumber(string.match(redis.call('GET', floor) or '', '^%d+$')) or 0
  trimmed.floor = math.max(low, lowest <= head and lowest or 0)
  trimmed.changes = redis.call('ZRANGEBYSCORE', changes, '-inf', trimmed.floor, 'LIMIT', 0, STEP)
  redis.call('HLEN', marks)
  if #trimmed.messages > 0 then
    for i, frame in ipairs(redis.call('HMGET', log, unpack(trimmed.messages))) do
      frame = written[trimmed.messages[i]] or frame
      local author = frame and not is_removed(frame) and author_of(frame) or ''
      trimmed.authors[i] = authored(author, trimmed.messages[i])
    end
  end
  return function()
    redis.call('SET', floor, digits(trimmed.floor))
    many('HDEL', log, trimmed.messages)
    many('HDEL', log, trimmed.changes)
    many('HDEL', marks, trimmed.messages)
    many('ZREM', authors, trimmed.authors)
    many('ZREM', messages, trimmed.messages)
    many('ZREM', changes, trimmed.changes)
  end
end

-- As differ in contents.py.
local function differ(one, other)
  local comparable = #one == #other and string.sub(one, 1, 3) == string.sub(other, 1, 3)
  return comparable and one ~= other
end

return guarded(function()
  local epoch, seq = stand()
  -- Redis came back without what it acknowledged: counting on under the old name would use seqs twice.
  if not epoch or epoch == known_epoch and seq < known_seq then epoch = fresh_epoch end
  redis.call('ZCARD', authors)
  local sanction_of = sanctions()

  local keys, known = {}, {}
  for i = FIRST, #ARGV, EACH do keys[#keys + 1] = #ARGV[i] .. ':' .. ARGV[i] .. ARGV[i + 1] end
  local young, old = redis.call('HMGET', ids, unpack(keys)), redis.call('HMGET', old_ids, unpack(keys))

  local answers, frames, places, first, said = {}, {}, {}, seq + 1, 0
  local beginner, apply, set_topic, keep_about
  for number, key in ipairs(keys) do
    local i = FIRST + (number - 1) * EACH
    local content, change = ARGV[i + 3], ARGV[i + 6]
    local record, refused = known[key] or young[number] or old[number], nil
    if record then
      local known_as, known_at, known_content = string.match(record, '^(%d+):(%d+):?(.*)$')
      local other = known_as and differ(known_content, content)
      refused = other and 'used' or known_as and 'd:' .. known_as .. ':' .. known_at
    end
    if not refused and sanction_of then refused = sanction_of(ARGV[i], ARGV[i + 2]) end
    if not refused and change ~= '' then
      local wish = cjson.decode(change)
      if wish.kind == 'topic' then
        if not set_topic then set_topic, keep_about = topics(first > 1) end
        refused = set_topic(wish, ARGV[i], seq + 1, beginner)
      else
        apply = apply or rules()
        refused = apply(wish, ARGV[i], seq + 1)
      end
      if refused == 'same' then refused = 'd:' .. digits(seq) .. ':' .. at end
    end
    if refused then
      answers[number] = refused
    else
      seq = seq + 1
      local place = digits(seq)
      local frame = ARGV[i + 4] .. place .. ARGV[i + 5] .. at .. '}'
      answers[number], places[number], written[place] = place .. ':' .. at, place, frame
      frames[#frames + 1], known[key] = frame, answers[number] .. ':' .. content
      if seq == 1 then beginner = ARGV[i] end
      if change == '' then said = said + 1 end
    end
  end
  if first == 1 and not keep_about then set_topic, keep_about = topics(false) end
  if #frames == 0 then
    -- Who waits for copies waits for those of what this connection wrote last, so that must be something.
    if broadcast == '' and seq > 0 then redis.call('SET', position, epoch .. ':' .. digits(seq)) end
    return { epoch, unpack(answers) }
  end
  -- Limits are looked at now and then.
  local due = seq % 50 < #frames
  local trim = due and trimming(said, #frames - said, seq)

  redis.call('SET', position, epoch .. ':' .. digits(seq))
  if #frames == 1 then  -- most batches; without lists it takes a tenth less
    local number, place = next(places)
    local user, record = ARGV[FIRST + (number - 1) * EACH], known[keys[number]]
    redis.call('HSET', log, place, frames[1])
    redis.call('ZADD', said == 1 and messages or changes, place, place)
    if said == 1 then redis.call('ZADD', authors, 0, authored(user, place)) end
    redis.call('HSET', ids, keys[number], record)
  else
    local stored, message_seqs, change_seqs, owners, records = {}, {}, {}, {}, {}
    for number, place in pairs(places) do
      local i = FIRST + (number - 1) * EACH
      local seqs = ARGV[i + 6] == '' and message_seqs or change_seqs
      stored[#stored + 1], stored[#stored + 2] = place, written[place]
      seqs[#seqs + 1], seqs[#seqs + 2] = place, place
      if seqs == message_seqs then owners[#owners + 1], owners[#owners + 2] = 0, authored(ARGV[i], place) end
      records[#records + 1], records[#records + 2] = keys[number], known[keys[number]]
    end
    many('HSET', log, stored)
    many('ZADD', messages, message_seqs)
    many('ZADD', changes, change_seqs)
    many('ZADD', authors, owners)
    many('HSET', ids, records)
  end
  if apply then
    for place, frame in pairs(written) do redis.call('HSET', log, place, frame) end
    for target, author in pairs(disowned) do
      redis.call('ZREM', authors, authored(author, target))
      redis.call('ZADD', authors, 0, authored('', target))
    end
    for target, mark in pairs(changed) do
      if mark then redis.call('HSET', marks, target, cjson.encode(mark)) else redis.call('HDEL', marks, target) end
    end
  end
  if keep_about then keep_about(first == 1 and frames[1]) end
  -- Two generations of ids: when the young one is full it becomes the old one, so nothing is swept id by id.
  if due and redis.call('HLEN', ids) >= ids_limit then redis.call('RENAME', ids, old_ids) end
  if trim then trim() end
  if broadcast ~= '' then
    redis.call(broadcast, channel, 'E' .. epoch .. ':' .. digits(first) .. '\n' .. table.concat(frames, '\n'))
  end
  return { epoch, unpack(answers) }
end)
