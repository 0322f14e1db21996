-- setup: ZADD delayed 10 job1 20 job2 30 job3
-- run: 2 delayed ready 20
-- run: 2 delayed ready 5
-- run: 2 delayed ready 100
local jobs = redis.call('zrangebyscore', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, 100)
if next(jobs) ~= nil then
  redis.call('zremrangebyrank', KEYS[1], 0, #jobs - 1)
  for i = 1, #jobs, 100 do
    redis.call('rpush', KEYS[2], unpack(jobs, i, math.min(i + 99, #jobs)))
  end
end
return {jobs, redis.call('llen', KEYS[2])}
