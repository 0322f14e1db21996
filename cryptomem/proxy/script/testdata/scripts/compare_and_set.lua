-- run: 1 doc old new
-- setup: SET doc old
-- run: 1 doc old new
-- run: 1 doc old newer
local current = redis.call('GET', KEYS[1])
if current == false then return redis.status_reply('MISSING') end
if current ~= ARGV[1] then return redis.error_reply('CHANGED it is ' .. current) end
return redis.call('SET', KEYS[1], ARGV[2])
