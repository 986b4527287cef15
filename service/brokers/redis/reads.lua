-- Read positions in a room: how far each of its users has read.
-- KEYS: those of log.lua
-- ARGV: 1 the step, then
--       move: the command that broadcasts, channel, how many to keep, user, seq, ...      unread: user      of: user, ...
-- Answers, but for what `guarded` does,
--       move: the users whose position is kept no longer, who read least
--       unread: how many messages behind the user's position are others' and still there, -1 without position or log
--       of: each user's position or nil
local op = ARGV[1]

local function read_by(user) return tonumber(redis.call('ZSCORE', reads, user)) or 0 end

local function move()
  local _, head = stand()
  local moved, scores, dropped = {}, {}, {}
  for i = 5, #ARGV, 2 do
    local user, seq = ARGV[i], math.min(tonumber(ARGV[i + 1]), head)
    if seq > read_by(user) then
      scores[#scores + 1], scores[#scores + 2] = digits(seq), user
      moved[#moved + 1] = cjson.encode(user) .. ':' .. digits(seq)
    end
  end
  if #moved == 0 then return dropped end
  many('ZADD', reads, scores)
  local excess = redis.call('ZCARD', reads) - tonumber(ARGV[4])
  if excess > 0 then
    dropped = redis.call('ZRANGE', reads, 0, excess - 1)
    many('ZREM', reads, dropped)
  end
  redis.call(ARGV[2], ARGV[3], 'S{"kind":"read","reads":{' .. table.concat(moved, ',') .. '},"v":1}')
  return dropped
end

local function unread()
  local epoch, head = stand()
  local read = math.min(read_by(ARGV[2]), head)
  if not epoch or read == 0 then return -1 end
  local function owned_by(user)
    return redis.call('ZLEXCOUNT', authors, '[' .. authored(user, read + 1), '[' .. authored(user, SEQ_LIMIT))
  end
  local behind = redis.call('ZCOUNT', messages, '(' .. digits(read), '+inf')
  return math.max(0, behind - owned_by(ARGV[2]) - owned_by(''))
end

return guarded(function()
  if op == 'move' then return move() end
  if op == 'unread' then return unread() end
  return redis.call('ZMSCORE', reads, unpack(ARGV, 2))  -- of
end)
