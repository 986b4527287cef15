-- Part of a room's log together with the position of its end, read in one step.
-- KEYS: those of log.lua
-- ARGV: 1 "newest": messages backwards, "oldest": messages forwards, or "after": every event forwards; 2 newest: before
--       this seq (0: the end), else behind it; 3 how many at most; 4 bytes of them at most; 5 newest: the epoch to begin if there is no log,
--       "" leaves it so; 6 seconds after which such a log is forgotten unless something is said
-- Answers nil without a log, else: position, 0 or 1 (more), first seq, then frame and marks ("" or JSON) for each; or
-- as `guarded` does.
local way, from, limit, bytes_limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local fresh_epoch, seconds = ARGV[5], ARGV[6]
local STEP = 50                   -- frames read at once: a page may end long before `limit`

-- Frames and marks of these seqs, from the i-th on.
local function read(seqs, i, marked)
  local part = { unpack(seqs, i, math.min(i + STEP - 1, #seqs)) }
  return redis.call('HMGET', log, unpack(part)), marked and redis.call('HMGET', marks, unpack(part)) or {}
end

-- What fits into the page, in the order of `seqs`: { seq, frame, mark } each. `consecutive`: it ends at a gap.
local function fill(seqs, marked, consecutive)
  local page, bytes = {}, 0
  for i = 1, #seqs, STEP do
    local frames, mark_of = read(seqs, i, marked)
    for j = 1, #frames do
      local frame, mark = frames[j], mark_of[j] or ''
      if frame then
        bytes = bytes + #frame + #mark
        if #page > 0 and bytes > bytes_limit then return page, true end
        page[#page + 1] = { seqs[i + j - 1], frame, mark }
      elseif consecutive and #page > 0 then
        return page, true
      end
    end
  end
  return page, false
end

local function newest()
  local stop = from > 0 and '(' .. digits(from) or '+inf'
  local seqs = redis.call('ZREVRANGEBYSCORE', messages, stop, '-inf', 'LIMIT', 0, limit + 1)
  local more = #seqs > limit
  seqs[limit + 1] = nil
  local page, cut = fill(seqs, redis.call('HLEN', marks) > 0, false)
  local forwards = {}
  for i = #page, 1, -1 do forwards[#forwards + 1] = page[i] end
  return forwards, more or cut
end

local function oldest()
  local seqs = redis.call('ZRANGEBYSCORE', messages, '(' .. digits(from), '+inf', 'LIMIT', 0, limit + 1)
  local more = #seqs > limit
  seqs[limit + 1] = nil
  local page, cut = fill(seqs, redis.call('HLEN', marks) > 0, false)
  return page, more or cut
end

local function after(last)
  local low = tonumber(string.match(redis.call('GET', floor) or '', '^%d+$')) or 0
  local start = low <= last and math.max(from, low) or from
  local seqs, first = {}, nil
  for _, key in ipairs({ messages, changes }) do
    local next_one = redis.call('ZRANGEBYSCORE', key, '(' .. digits(start), '+inf', 'LIMIT', 0, 1)[1]
    next_one = tonumber(next_one)
    if next_one and next_one > start and (not first or next_one < first) then first = next_one end
  end
  if not first then return {}, false end
  for seq = first, math.min(first + limit - 1, last) do seqs[#seqs + 1] = digits(seq) end
  local page = fill(seqs, false, true)
  local reached = page[#page] and tonumber(page[#page][1]) or start
  return page, reached < last
end

return guarded(function()
  local epoch, seq, healed = stand()
  if not epoch and fresh_epoch == '' then return nil end
  local page, more
  if way == 'after' then page, more = after(seq)
  elseif way == 'oldest' then page, more = oldest()
  else page, more = newest() end
  if fresh_epoch ~= '' and (not epoch or healed) then
    epoch = epoch or fresh_epoch
    redis.call('SET', position, epoch .. ':' .. digits(seq), unpack(seq == 0 and { 'EX', seconds } or {}))
  end
  local answer = { epoch .. ':' .. digits(seq), more and 1 or 0, page[1] and page[1][1] or '0' }
  for _, event in ipairs(page) do
    answer[#answer + 1] = event[2]
    answer[#answer + 1] = event[3]
  end
  return answer
end)
