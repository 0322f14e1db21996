-- run: 1 n 3 7
-- run: 1 n 1e21 1e-7
-- run: 1 n 9007199254740993 0.1
local out = {}
for i, expression in ipairs({ARGV[1] / ARGV[2], ARGV[1] * ARGV[2], ARGV[1] - ARGV[2], ARGV[1] % ARGV[2], ARGV[1] ^ 2}) do
  redis.call('SET', KEYS[1], expression)
  out[i] = redis.call('GET', KEYS[1]) .. ' ' .. expression .. ' ' .. tostring(math.floor(expression))
end
return out
