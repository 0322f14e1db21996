-- run: 1 list get
-- run: 1 list incr
-- run: 1 list hgetall
-- run: 1 list nosuchcommand
-- run: 1 list set
-- Each error as value, as text and raised.
redis.call('DEL', KEYS[1])
redis.call('RPUSH', KEYS[1], 'x')
local asValue = redis.pcall(ARGV[1], KEYS[1])
local caught, asText = pcall(redis.call, ARGV[1], KEYS[1])
local wrapped = {pcall(function() return redis.call(ARGV[1], KEYS[1]) end)}
redis.call('SET', KEYS[1], table.concat({tostring(asValue.err), tostring(caught), tostring(asText), type(wrapped[2])}, '|'))
if ARGV[1] == 'set' then return redis.call('GET', KEYS[1]) end
return redis.call('HGET', KEYS[1], 'x')
