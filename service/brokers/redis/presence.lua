-- Who is in a room over all processes. A person is there while at least one process says so.
-- KEYS: the room's people (hash: user -> count ":" person as JSON), this process's people there (set of users)
-- ARGV: op, the command that broadcasts, channel, "quiet" or "", then
--       enter: user, person as JSON, ...      depart: user, ...
--       expire: how many                      mend: user, value, ...
-- Each answers how many this process still has there; who came, as JSON each, and who went; then the records that could
-- not be read, which are gone.
local people, mine = KEYS[1], KEYS[2]
local op, broadcast, channel, quiet = ARGV[1], ARGV[2], ARGV[3], ARGV[4] ~= ''
local FIRST = 5
local came, went, lost = {}, {}, false
local answer = { 0, came, went }

local function check(key, wanted)  -- what is of another type than ours goes
  local kind = redis.call('TYPE', key).ok
  if kind ~= wanted and kind ~= 'none' then
    redis.call('DEL', key)
    answer[#answer + 1] = key
    return false
  end
  return true
end
lost = not check(people, 'hash')
check(mine, 'set')

local function read(user)
  local kept = redis.call('HGET', people, user)
  if not kept then return 0 end
  local count, person = string.match(kept, '^(%d%d?%d?%d?):({.*})$')
  if not count then answer[#answer + 1] = people .. ' ' .. user end
  return tonumber(count) or 1, person
end

local function gone(user)  -- from this process
  local count, person = read(user)
  if count > 1 then
    redis.call('HSET', people, user, string.format('%.0f', count - 1) .. ':' .. person)
  elseif count == 1 then
    redis.call('HDEL', people, user)
    went[#went + 1] = cjson.encode(user)
  end
end

if op == 'enter' then
  for i = FIRST, #ARGV, 2 do
    local user, person = ARGV[i], ARGV[i + 1]
    local count, known = read(user)
    local new = redis.call('SADD', mine, user)
    if known ~= person then came[#came + 1] = person end
    if known ~= person or new == 1 then
      count = known and count or 0
      redis.call('HSET', people, user, string.format('%.0f', math.max(1, count + new)) .. ':' .. person)
    end
  end
elseif op == 'depart' then
  for i = FIRST, #ARGV do
    if redis.call('SREM', mine, ARGV[i]) == 1 then gone(ARGV[i]) end
  end
elseif op == 'expire' then
  for _, user in ipairs(redis.call('SPOP', mine, ARGV[FIRST])) do gone(user) end
elseif op == 'mend' then
  for i = FIRST, #ARGV, 2 do
    if redis.call('HGET', people, ARGV[i]) == ARGV[i + 1] then
      redis.call('HDEL', people, ARGV[i])
      went[#went + 1] = cjson.encode(ARGV[i])
      lost = true
    end
  end
end

-- Where somebody was lost with a record, their process hears that they left, or a count below its own, and enters its
-- people again. Of the room "*" nothing else is told.
if lost or (not quiet and (#came > 0 or #went > 0)) then
  redis.call(broadcast, channel, 'S{"kind":"presence","joined":[' .. table.concat(came, ',') .. '],"left":['
    .. table.concat(went, ',') .. '],"count":' .. redis.call('HLEN', people) .. ',"v":1}')
end
answer[1] = redis.call('SCARD', mine)
return answer
