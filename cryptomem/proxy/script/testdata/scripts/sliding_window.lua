-- run: 1 w 1000 100 3 a
-- run: 1 w 1010 100 3 b
-- run: 1 w 1020.5 100 3 c
-- run: 1 w 1030 100 3 d
-- run: 1 w 1101 100 3 e
-- run: 1 w 1e4 100 3 f
local now, span, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - span)
local count = redis.call('ZCARD', KEYS[1])
if count >= limit then
  local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  return {0, count, tostring(first[2] + span - now)}
end
redis.call('ZADD', KEYS[1], now, ARGV[4])
redis.call('PEXPIRE', KEYS[1], span * 1000)
return {1, count + 1, '0'}
