-- run: 1 lock token-a
-- run: 1 lock token-b
-- setup: SET lock token-a
-- run: 1 lock token-b
-- run: 1 lock token-a
-- run: 1 lock token-a
if redis.call("get", KEYS[1]) == ARGV[1] then
  return redis.call("del", KEYS[1])
else
  return 0
end
