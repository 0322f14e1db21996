-- run: 1 bucket 10 0.5 1 100
-- run: 1 bucket 10 0.5 4 101
-- run: 1 bucket 10 0.5 9 102.3
-- run: 1 bucket 10 0.5 1 130
local capacity, rate, wanted, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local state = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(state[1]) or capacity, tonumber(state[2]) or now
tokens = math.min(capacity, tokens + math.max(0, now - at) * rate)
local allowed = tokens >= wanted
if allowed then tokens = tokens - wanted end
redis.call('HMSET', KEYS[1], 'tokens', tokens, 'at', now)
redis.call('EXPIRE', KEYS[1], math.ceil(capacity / rate))
return {allowed, tostring(tokens), redis.call('HGET', KEYS[1], 'tokens'), redis.call('TTL', KEYS[1])}
