-- The small shared states, each a step that must be atomic. ARGV[1] names it:
local op = ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)  -- ms, Redis's own clock

if op == 'claim' then
  -- KEYS: names (hash: name -> "until:user"), claims (zset: name by until), people online (hash by user)
  -- ARGV: name, user, ms; answers 1 if the name is the user's
  local names, claims, online = KEYS[1], KEYS[2], KEYS[3]
  local name, user, ms = ARGV[2], ARGV[3], tonumber(ARGV[4])
  local function held(by)
    local holder = redis.call('HGET', names, by)
    if not holder then return nil end
    local till, who = string.match(holder, '^(%d+):(.*)$')
    if tonumber(till) > now or redis.call('HEXISTS', online, who) == 1 then return who end
  end
  for _, stale in ipairs(redis.call('ZRANGEBYSCORE', claims, '-inf', now, 'LIMIT', 0, 10)) do
    if held(stale) then
      redis.call('ZADD', claims, now + 60000, stale)
    else
      redis.call('ZREM', claims, stale)
      redis.call('HDEL', names, stale)
    end
  end
  local holder = held(name)
  if holder and holder ~= user then return 0 end
  redis.call('HSET', names, name, string.format('%.0f', now + ms) .. ':' .. user)
  redis.call('ZADD', claims, now + ms, name)
  return 1
elseif op == 'beat' then
  -- KEYS: processes (zset: process by ms of death); ARGV: process, ms to live
  -- answers 1 if the process was not known, then the dead ones
  local dead = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)
  local new = redis.call('ZADD', KEYS[1], now + tonumber(ARGV[3]), ARGV[2])
  local answer = { new }
  for _, process in ipairs(dead) do
    if process == ARGV[2] then answer[1] = 1 else answer[#answer + 1] = process end
  end
  return answer
elseif op == 'charge' then
  -- KEYS: the user's bucket (ms at which it is full again); ARGV: messages, messages/s, burst
  -- A bucket is charged after the fact, so it may be overdrawn; answers the ms until it is not.
  local rate, burst = tonumber(ARGV[3]), tonumber(ARGV[4])
  local full = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now) + tonumber(ARGV[2]) * 1000 / rate
  full = math.min(full, now + (burst + 10 * rate) * 1000 / rate)
  redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.max(1, math.ceil(full - now)))
  return math.max(0, math.ceil(full - now - burst * 1000 / rate))
end
