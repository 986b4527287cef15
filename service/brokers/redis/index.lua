-- Takes a room out of the index, unless it was used since.
-- KEYS: 1 the index (sorted set: room by last use)
-- ARGV: room, its score
-- Answers 1 if it did.
if redis.call('ZSCORE', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
return redis.call('ZREM', KEYS[1], ARGV[1])
