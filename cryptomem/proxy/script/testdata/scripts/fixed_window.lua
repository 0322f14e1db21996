-- run: 1 limit 60 3
-- run: 1 limit 60 3
-- run: 1 limit 60 3
-- run: 1 limit 60 3
local used = redis.call('incr', KEYS[1])
if used == 1 then
  redis.call('expire', KEYS[1], tonumber(ARGV[1]))
end
local left = tonumber(ARGV[2]) - used
return {left >= 0 and 1 or 0, math.max(left, 0), redis.call('ttl', KEYS[1])}
