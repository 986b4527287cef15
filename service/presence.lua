-- Who is in a room over all processes. A person is there while at least one process says so.
-- KEYS: the room's people (hash: user -> count ":" person as JSON), this process's people there (set of users)
-- ARGV: op ("enter", "depart", "expire"), channel ("": tell nobody), then for enter: user, person as JSON, ...;
--       for depart: user, ...; for expire nothing: all of the process's people go
local people, mine = KEYS[1], KEYS[2]
local op, channel = ARGV[1], ARGV[2]
local came, went = {}, {}

local function read(user)
  local kept = redis.call('HGET', people, user)
  if kept then
    local count, person = string.match(kept, '^(%d+):(.*)$')
    return tonumber(count), person
  end
  return 0, nil
end

local function depart(user)
  if redis.call('SREM', mine, user) == 1 then
    local count, person = read(user)
    if count > 1 then
      redis.call('HSET', people, user, (count - 1) .. ':' .. person)
    elseif count == 1 then
      redis.call('HDEL', people, user)
      went[#went + 1] = cjson.encode(user)
    end
  end
end

if op == 'enter' then
  for i = 3, #ARGV, 2 do
    local user, person = ARGV[i], ARGV[i + 1]
    local count, known = read(user)
    local new = redis.call('SADD', mine, user)
    if count == 0 or known ~= person then came[#came + 1] = person end
    redis.call('HSET', people, user, math.max(1, count + new) .. ':' .. person)
  end
elseif op == 'depart' then
  for i = 3, #ARGV do depart(ARGV[i]) end
else
  for _, user in ipairs(redis.call('SMEMBERS', mine)) do depart(user) end
end

if channel ~= '' and (#came > 0 or #went > 0) then
  redis.call('PUBLISH', channel, 'S{"kind":"presence","joined":[' .. table.concat(came, ',') .. '],"left":['
    .. table.concat(went, ',') .. '],"count":' .. redis.call('HLEN', people) .. '}')
end
return 1
