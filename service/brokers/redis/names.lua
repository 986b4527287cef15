-- Who holds which name, each step as one.
-- KEYS: 1 names (hash: name -> "until:user"), 2 claims (sorted set: name by until), 3 holders (hash: user -> network
--       "\n" name), 4 people online (hash by user), 5 the living processes (sorted set), 6 whether they were lost of late
-- ARGV: 1 the step, then
--       claim: name, user, ms, network, the process that asks if it was told of
--       hold: user, name, ...: people who are present, each has the name where it is free or theirs
--       release: user      sweep: how many at most
-- Each answers its result, then the records that could not be read, which are gone. A claim's result is 1 if the name is
-- the user's, 0 if not, -1 if the process is not known any more, or was not a while ago: who is present was lost with it,
-- and they must be entered again first. The others' is 0.
-- A holder's network stands there until they were present once: a claim repeated from there gives way until then.
local op = ARGV[1]
local names, claims, holders, online = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)  -- ms, Redis's own clock
local LONGEST = 600000  -- ms; a claim that ends later was made before the clock was set back
local LOSS = 60000  -- ms; a loss is told of for some seconds at a time, so a mark that lasts longer is none of ours
local AGAIN = 60000  -- ms after which a name whose holder is present is looked at again

local answer = { 0 }

local function damaged(what)
  answer[#answer + 1] = what
end

-- What is of another type than ours goes. The claims are only an index of the names: they can be made anew.
local function check(key, wanted)
  local kind = redis.call('TYPE', key).ok
  if kind ~= wanted and kind ~= 'none' then
    redis.call('DEL', key)
    damaged(key)
    return false
  end
  return true
end
check(names, 'hash')
check(holders, 'hash')
if not check(claims, 'zset') then
  for _, name in ipairs(redis.call('HKEYS', names)) do redis.call('ZADD', claims, now, name) end
end

local function present(user)
  local found = redis.pcall('HEXISTS', online, user)
  return type(found) == 'table' or found == 1  -- while that can't be told, everybody keeps their name
end

local function has(user)  -- the network of the user's claim, "" once they were present, and the name
  return string.match(redis.call('HGET', holders, user) or '', '^([^\n]*)\n(.*)$')
end

local function free(name, user)
  redis.call('HDEL', names, name)
  redis.call('ZREM', claims, name)
  local _, kept = has(user)
  if kept == name then redis.call('HDEL', holders, user) end
end

local function held(name)  -- by whom, and until when their claim lasts; nil for a free name
  local record = redis.call('HGET', names, name)
  if not record then return nil end
  local till, user = string.match(record, '^(%d+):(.*)$')
  till = tonumber(till)
  if not till then
    damaged(names .. ' ' .. name)
    redis.call('HDEL', names, name)
    return nil
  end
  if till > now + LONGEST then
    till = now + LONGEST
    redis.call('HSET', names, name, string.format('%.0f', till) .. ':' .. user)
    redis.call('ZADD', claims, till, name)
  end
  if till > now or present(user) then return user, till end
  return nil, till, user
end

local function sweep(limit)
  for _, ahead in ipairs(redis.call('ZRANGEBYSCORE', claims, '(' .. string.format('%.0f', now + LONGEST), '+inf',
      'LIMIT', 0, limit)) do
    redis.call('ZADD', claims, now, ahead)
  end
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', claims, '-inf', now, 'LIMIT', 0, limit)) do
    local holder, till, gone = held(name)
    if holder then
      redis.call('ZADD', claims, math.max(till, now + AGAIN), name)
    elseif gone then
      free(name, gone)
    else
      redis.call('ZREM', claims, name)
    end
  end
end

local function release(user)
  local _, name = has(user)
  if name then
    local record = redis.call('HGET', names, name)
    if record and string.match(record, '^%d+:(.*)$') == user then free(name, user) end
  end
  redis.call('HDEL', holders, user)
end

local function take(name, user, till, look, network)
  local _, before = has(user)
  if before ~= name then release(user) end
  redis.call('HSET', names, name, string.format('%.0f', till) .. ':' .. user)
  redis.call('ZADD', claims, look, name)
  redis.call('HSET', holders, user, network .. '\n' .. name)
end

if op == 'claim' then
  local name, user, ms, network = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
  local lost = redis.call('PTTL', KEYS[6])
  if lost >= 0 and lost <= LOSS then return { -1 } end
  if lost ~= -2 then  -- nothing that a process set, else it would end soon
    redis.call('DEL', KEYS[6])
    damaged(KEYS[6])
  end
  if ARGV[6] ~= '' and not redis.call('ZSCORE', KEYS[5], ARGV[6]) then return { -1 } end
  sweep(10)
  local holder, _, gone = held(name)
  local from, kept
  if holder then
    from, kept = has(holder)
    if holder ~= user and (kept ~= name or from == '' or from ~= network or present(holder)) then return answer end
  end
  if (holder or gone) ~= user and (holder or gone) then free(name, holder or gone) end
  if present(user) or (holder == user and kept == name and from == '') then network = '' end
  take(name, user, now + ms, now + ms, network)
  answer[1] = 1
elseif op == 'hold' then
  for i = 2, #ARGV, 2 do
    local user, name = ARGV[i], ARGV[i + 1]
    local holder, till, gone = held(name)
    if not holder or holder == user then
      if gone and gone ~= user then free(name, gone) end
      if redis.call('HGET', holders, user) ~= '\n' .. name or not holder then
        till = (holder or gone) == user and till or now
        take(name, user, till, math.max(till, now + AGAIN), '')
      end
    end
  end
elseif op == 'release' then
  release(ARGV[2])
elseif op == 'sweep' then
  sweep(tonumber(ARGV[2]))
end
return answer
