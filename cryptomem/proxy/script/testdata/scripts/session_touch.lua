-- setup: HMSET s a 1 lastAccess 5
-- run: 1 s 9 1800 {"x":[1,2,{"y":null}]}
-- run: 1 t 9 1800 {}
if redis.call('EXISTS', KEYS[1]) == 0 then return {err = 'NOSESSION ' .. KEYS[1]} end
redis.call('HSET', KEYS[1], 'lastAccess', ARGV[1], 'attrs', cmsgpack.pack(cjson.decode(ARGV[3])))
redis.call('EXPIRE', KEYS[1], ARGV[2])
local back = cmsgpack.unpack(redis.call('HGET', KEYS[1], 'attrs'))
return {back.x[2], type(back.x[3].y), redis.call('TTL', KEYS[1]), redis.call('HGET', KEYS[1], 'lastAccess')}
