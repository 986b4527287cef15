-- The life of a room.
-- KEYS: those of log.lua, and to delete or sweep also: 12 the room's people, 13 how far it was sent to a receiver
-- ARGV: 1 the step, then
--       renew: lost epoch, lost seq, fresh epoch, the frame that was handed out there or ""      keep: seconds
--       delete
--       sweep: the time by the service's clock and the time before which an event is old ("0": nothing is), both in ms
-- Answers 0, and to delete or sweep whether there was one, or whether it is over ("1" or "0"), then the users who had
-- read in one that is gone; or as `guarded` does.
local op = ARGV[1]

-- Whether the log has another event there than was handed out (marks.same_event). One that was trimmed is no other.
local function has_another(seq, handed_out)
  local _, _, redacted = frame_functions()
  local function bare(frame) return redacted(frame) or frame end
  -- What nothing changes of an event, for whose author is gone.
  local function outline(frame)
    return (string.match(frame, '^(.-),"user":') or frame) .. (string.match(frame, '"at":%d+') or '')
  end
  local stored = handed_out ~= '' and redis.call('HGET', log, seq)
  if stored and string.find(stored .. handed_out, '"user":{"id":"g-gone",', 1, true) then
    return outline(stored) ~= outline(handed_out)
  end
  return stored and bare(stored) ~= bare(handed_out)
end

-- The log stays: what it has is true.
local function renew()
  local epoch, seq, healed = stand()
  if epoch == ARGV[2] and (seq < tonumber(ARGV[3]) or has_another(ARGV[3], ARGV[5])) then
    epoch, healed = ARGV[4], true
  end
  if epoch and healed then redis.call('SET', position, epoch .. ':' .. digits(seq)) end
  return 0
end

-- Only a room without events has an end.
local function keep()
  if redis.call('PTTL', position) > 0 then redis.call('EXPIRE', position, ARGV[2]) end
  return 0
end

-- Its keys go; the memory is given back behind that. Who had read there.
local function drop()
  local users = redis.call('ZRANGE', reads, 0, -1)
  redis.call('UNLINK', KEYS[13], unpack(KEYS, 1, 11))
  table.insert(users, 1, '1')
  return users
end

local function delete()
  local epoch, seq = stand()
  if not epoch and seq == 0 then return { '0' } end
  return drop()
end

-- A room is over if there is neither a log nor anybody, or if its last event is old, which deletes it.
local function sweep()
  local people = KEYS[12]
  local epoch, seq = stand()
  local last = tonumber(string.match(redis.call('HGET', log, digits(seq)) or '', '"at":(%d+)[^:"]*}$')
    or string.match(redis.call('HGET', log, digits(seq)) or '', '"at":(%d+),"removed":true}$'))
  if not epoch and seq == 0 then
    return { redis.call('EXISTS', people) == 0 and '1' or '0' }
  end
  local time = redis.call('TIME')
  local now, old = tonumber(ARGV[2]), tonumber(ARGV[3])
  if math.abs(time[1] * 1000 - now) > 60000 then return { '0' } end  -- one of the clocks is wrong
  if (last or 0) >= old or redis.call('PTTL', position) > 0 then return { '0' } end
  return drop()
end

return guarded(function()
  if op == 'renew' then return renew() end
  if op == 'keep' then return keep() end
  if op == 'delete' then return delete() end
  return sweep()
end)
