-- Part of a room's log together with the position of its end, read in one step.
-- Answers nil without a log, else: position, 0 or 1 (more), first seq, then frame and marks ("" or JSON) for each.
local log, position, marks = KEYS[1], KEYS[2], KEYS[3]
local way = ARGV[1]               -- "newest": messages backwards; "after": every event forwards
local from = tonumber(ARGV[2])    -- newest: before this seq (0: the end); after: behind this seq
local limit = tonumber(ARGV[3])
local fresh_epoch = ARGV[4]       -- newest: begin this epoch if there is no log; "" leaves it so
local seconds = ARGV[5]           -- ... to be forgotten after so long in silence

local function digits(number) return string.format('%.0f', number) end

local stood = redis.call('GET', position)
if not stood then
  if fresh_epoch == '' then return nil end
  stood = fresh_epoch .. ':0'
  redis.call('SET', position, stood, 'EX', seconds)
  redis.call('DEL', log, marks)
end

local entries, more = {}, 0
if way == 'after' then
  entries = redis.call('XRANGE', log, digits(from + 1) .. '-0', '+', 'COUNT', limit + 1)
  if #entries > limit then
    more = 1
    entries[#entries] = nil
  end
else
  -- Other events stand between the messages, so it may take several looks to fill the page.
  local stop, newest = from > 0 and '(' .. digits(from) .. '-0' or '+', {}
  repeat
    local part = redis.call('XREVRANGE', log, stop, '-', 'COUNT', limit + 1)
    for _, entry in ipairs(part) do
      if string.sub(entry[2][2], 1, 17) == '{"type":"message"' then newest[#newest + 1] = entry end
      stop = '(' .. entry[1]
    end
  until #newest > limit or #part <= limit
  if #newest > limit then more = 1 end
  for i = math.min(limit, #newest), 1, -1 do entries[#entries + 1] = newest[i] end
end

-- The marks that matter for an event: a message's own, and for an edit, which carries a text of it, its target's.
local function mark_of(entry)
  local frame = entry[2][2]
  local target = string.match(entry[1], '^%d+')
  if string.sub(frame, 1, 16) == '{"type":"edited"' then target = string.match(frame, '"target":(%d+)') end
  return redis.call('HGET', marks, target) or ''
end

local first = entries[1] and string.match(entries[1][1], '^%d+') or '0'
local answer, marked = { stood, more, first }, redis.call('EXISTS', marks) == 1
for _, entry in ipairs(entries) do
  answer[#answer + 1] = entry[2][2]
  answer[#answer + 1] = marked and mark_of(entry) or ''
end
return answer
