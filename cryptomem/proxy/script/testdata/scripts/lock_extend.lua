-- setup: SET lock token-a PX 50000
-- run: 1 lock token-a 90000
-- run: 1 lock token-b 90000
-- run: 1 other token-a 90000
local value = redis.call('get', KEYS[1])
if not value then
  return -1
elseif value == ARGV[1] then
  return redis.call('pexpire', KEYS[1], ARGV[2])
end
return 0
