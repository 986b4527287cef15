-- How a room stands in Redis. Every script of a room begins with this; its own KEYS follow those named here.
-- KEYS: 1 position (string: epoch ":" last seq), 2 log (hash: seq -> frame), 3 messages and 4 changes (sorted sets:
--       which seqs of the log are which), 5 authors (sorted set: "length:user" + seq of each message), 6 floor (string:
--       the last seq that was trimmed), 7 marks (hash: seq -> JSON), 8 ids and 9 older ids (hashes: "length:user" + id
--       -> seq ":" at ":" content), 10 reads (sorted set: user by seq), 11 about (hash: begun ->
--       JSON, topic -> frame)
-- Takes no ARGV and answers nothing by itself; `guarded` answers what the script's work does, or { "damaged", key }.
-- Making a function takes Redis 0.2 µs in every call, so what is seldom needed is made within another function.
local position, log, messages, changes, authors = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local floor, marks, ids, old_ids, reads, about = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local SEQ_LIMIT = 2 ^ 53 - 1

local function digits(number) return string.format('%.0f', number) end

-- The length keeps one user's name from being the beginning of another's, whatever stands in it.
local function authored(user, seq) return #user .. ':' .. user .. string.format('%016.0f', tonumber(seq) or 0) end

-- A command with any number of arguments: Lua passes some thousands at once.
local function many(command, key, args)
  for i = 1, #args, 1000 do redis.call(command, key, unpack(args, i, math.min(i + 999, #args))) end
end

-- Epoch and last seq. Without an epoch the position is missing or can't be read. The log's top counts where the
-- position is behind it, and then `healed` is true: what writes must write the position.
local function stand()
  redis.call('HLEN', log)  -- stops at what 1.0 left before anything is concluded from it
  local epoch, seq = string.match(redis.call('GET', position) or '', '^([%w_-]+):(%d+)$')
  local stored = tonumber(seq)
  if not stored or stored > SEQ_LIMIT then
    epoch, stored = nil, tonumber(string.match(redis.call('GET', floor) or '', '^%d+$')) or 0
    if stored > SEQ_LIMIT then stored = 0 end
  end
  local said = tonumber(redis.call('ZREVRANGE', messages, 0, 0)[1]) or 0
  local changed = tonumber(redis.call('ZREVRANGE', changes, 0, 0)[1]) or 0
  seq = math.max(stored, said, changed)
  if seq > SEQ_LIMIT then seq = stored end
  return epoch, seq, seq > stored
end

-- What is asked of frames: whether it is a message, whether its text was taken out, the frame without its text (byte
-- for byte as marks.redacted has it), a message's author. The latter two are nil if the frame is none of ours.
local function frame_functions()
  local MESSAGE, REMOVED = '{"type":"message"', ',"removed":true}'
  local function is_message(frame) return frame and string.sub(frame, 1, #MESSAGE) == MESSAGE end
  local function is_removed(frame) return string.sub(frame, -#REMOVED) == REMOVED end
  local function redacted(frame)
    if is_removed(frame) then return frame end
    local before, at = string.match(frame, '^(.-),"text":".*(,"at":%d+)}$')
    return before and before .. at .. REMOVED
  end
  local function author_of(frame)
    local id = string.match(frame, '"user":{"id":"([^"\\]*)"')  -- a quotation mark within a string has a backslash
    if id then return id end
    local whole, message = pcall(cjson.decode, frame)
    id = whole and type(message) == 'table' and type(message.user) == 'table' and message.user.id
    return type(id) == 'string' and id or nil
  end
  return is_message, is_removed, redacted, author_of
end

-- What release 1.0 left: the log as a stream, ids as "user\nid" with "seq:at", reads as a hash. Puts it into
-- today's form; true if there was any.
local function convert()
  local is_message, _, redacted, author_of = frame_functions()

  -- The stream's frames by seq, without removed texts, and the seqs of the edits by target. An edit whose target is
  -- neither there nor marked may be of a removed message: its text goes too.
  local function old_events(marked)
    local entries, events, edits, known = redis.call('XRANGE', log, '-', '+'), {}, {}, {}
    local function target_of(frame) return string.match(frame, '"target":(%d+)') end
    for _, entry in ipairs(entries) do
      local seq, frame = string.match(entry[1], '^%d+'), entry[2][2]
      if is_message(frame) then known[seq] = known[seq] or 'kept' end
      if string.sub(frame, 1, 17) == '{"type":"removed"' then known[target_of(frame) or ''] = 'removed' end
    end
    for target, mark in pairs(marked) do known[target] = known[target] == 'removed' and 'removed' or mark end
    for _, entry in ipairs(entries) do
      local seq, frame = string.match(entry[1], '^%d+'), entry[2][2]
      local gone = is_message(frame) and known[seq] == 'removed'
      if string.sub(frame, 1, 16) == '{"type":"edited"' then
        local target = target_of(frame) or ''
        gone = known[target] ~= 'kept'
        edits[target] = edits[target] or {}
        table.insert(edits[target], tonumber(seq))
      end
      if gone then frame = redacted(frame) end
      if frame then events[#events + 1] = { seq, frame, gone } end
    end
    return events, edits
  end

  local function old_ids_of(key)
    local kept, fresh = redis.call('HGETALL', key), {}
    for i = 1, #kept, 2 do
      local user, id = string.match(kept[i], '^(.-)\n(.*)$')
      if user then fresh[#fresh + 1], fresh[#fresh + 2] = #user .. ':' .. user .. id, kept[i + 1] end
    end
    return fresh
  end

  local function convert_log()
    if redis.call('TYPE', log).ok ~= 'stream' then return false end
    local kept, marked, fresh_marks = redis.call('HGETALL', marks), {}, {}
    for i = 1, #kept, 2 do
      marked[kept[i]] = string.find(kept[i + 1], '"removed":true', 1, true) and 'removed' or 'kept'
    end
    local events, edits = old_events(marked)
    local young, old = old_ids_of(ids), old_ids_of(old_ids)
    for _, key in ipairs({ messages, changes, authors }) do redis.call('ZCARD', key) end
    redis.call('GET', floor)
    for i = 1, #kept, 2 do
      local whole, mark = pcall(cjson.decode, kept[i + 1])
      if whole and type(mark) == 'table' and marked[kept[i]] == 'kept' then
        mark.edits = edits[kept[i]]
        fresh_marks[#fresh_marks + 1], fresh_marks[#fresh_marks + 2] = kept[i], cjson.encode(mark)
      end
    end
    local frames, message_seqs, change_seqs, owners = {}, {}, {}, {}
    for _, event in ipairs(events) do
      local seq, frame, gone = event[1], event[2], event[3]
      frames[#frames + 1], frames[#frames + 2] = seq, frame
      local seqs = is_message(frame) and message_seqs or change_seqs
      seqs[#seqs + 1], seqs[#seqs + 2] = seq, seq
      if is_message(frame) then
        owners[#owners + 1], owners[#owners + 2] = 0, authored(gone and '' or author_of(frame) or '', seq)
      end
    end

    redis.call('SET', floor, digits((tonumber(frames[1]) or 1) - 1))  -- refused under maxmemory, before anything goes
    redis.call('DEL', log, messages, changes, authors, marks, ids, old_ids)
    many('HSET', log, frames)
    many('ZADD', messages, message_seqs)
    many('ZADD', changes, change_seqs)
    many('ZADD', authors, owners)
    many('HSET', marks, fresh_marks)
    many('HSET', ids, young)
    many('HSET', old_ids, old)
    redis.call('PERSIST', position)
    return true
  end

  local function convert_reads()
    if redis.call('TYPE', reads).ok ~= 'hash' then return false end
    local kept, fresh = redis.call('HGETALL', reads), {}
    for i = 1, #kept, 2 do
      local seq = tonumber(kept[i + 1])
      if seq and seq >= 1 and seq <= SEQ_LIMIT then fresh[#fresh + 1], fresh[#fresh + 2] = digits(seq), kept[i] end
    end
    redis.call('DEL', reads)
    many('ZADD', reads, fresh)
    return true
  end

  local log_was, reads_were = convert_log(), convert_reads()
  return log_was or reads_were
end

-- `work` reads all that it needs before it writes, so a key that is not what it should be stops it while nothing has
-- changed. Then it is tried again on what 1.0 left, or the answer names the key: { "damaged", key }. `about` is not among
-- them: whatever it is costs the topic alone.
local function guarded(work)
  local done, answer = pcall(work)
  if done then return answer end
  local converted, old = pcall(convert)
  if converted and old then
    done, answer = pcall(work)
    if done then return answer end
  end
  local types = { 'string', 'hash', 'zset', 'zset', 'zset', 'string', 'hash', 'hash', 'hash', 'zset' }
  for i, kind in ipairs(types) do
    local is = redis.call('TYPE', KEYS[i]).ok
    if is ~= 'none' and is ~= kind then return { 'damaged', KEYS[i] } end
  end
  if not converted then answer = old end
  -- Redis's pcall makes a text of its error. As one that the script raises it would begin with ERR, whatever it is.
  if type(answer) == 'string' and string.find(answer, '^%u+ ') then answer = { err = answer } end
  if type(answer) == 'table' then return answer end
  error(answer, 0)
end
