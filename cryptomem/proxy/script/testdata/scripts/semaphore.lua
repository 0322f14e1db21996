-- run: 2 holders order 2 a 100 50
-- run: 2 holders order 2 b 101 50
-- run: 2 holders order 2 c 102 50
-- run: 2 holders order 2 c 151 50
redis.call('zremrangebyscore', KEYS[1], '-inf', ARGV[3] - ARGV[4])
redis.call('zadd', KEYS[1], ARGV[3], ARGV[2])
local rank = redis.call('zrank', KEYS[1], ARGV[2])
if rank < tonumber(ARGV[1]) then
  redis.call('rpush', KEYS[2], ARGV[2])
  return {true, rank, redis.call('lrange', KEYS[2], 0, -1)}
end
redis.call('zrem', KEYS[1], ARGV[2])
return {false, rank}
