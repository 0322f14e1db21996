-- run: 1 limit 1 3600
-- run: 1 limit 2 3600
-- run: 1 limit 2.5 3600
-- run: 1 limit 1 0
local ok = redis.call('set', KEYS[1], 0, 'EX', math.max(ARGV[2], 1), 'NX')
if ok and type(ok) == 'table' then ok = ok.ok end
local done, consumed = pcall(redis.call, 'incrby', KEYS[1], ARGV[1])
local ttl = redis.call('ttl', KEYS[1])
if ttl == -1 then
  redis.call('expire', KEYS[1], ARGV[2])
  ttl = 1 * ARGV[2]
end
return {tostring(ok), done, consumed, ttl}
