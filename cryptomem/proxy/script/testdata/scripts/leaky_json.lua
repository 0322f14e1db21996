-- run: 1 state {"level":0,"at":100} 5 110
-- run: 1 state {"level":4.5,"at":108} 5 110
-- run: 1 state nonsense 5 110
local ok, state = pcall(cjson.decode, ARGV[1])
if not ok then return redis.error_reply('BADSTATE ' .. state) end
local level = math.max(0, state.level - (ARGV[3] - state.at) * 0.3) + 1
if level > tonumber(ARGV[2]) then return cjson.encode({allowed = false}) end
redis.call('SET', KEYS[1], cjson.encode({level}), 'EX', 60)
return {redis.call('GET', KEYS[1]), level}
