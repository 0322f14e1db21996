-- run: 1 lock token-a 30000
-- run: 1 lock token-b 30000
-- run: 1 lock token-a 60000
-- run: 2 lock lock2 token-b 100
-- Takes all of several names or none, as a distributed lock over one server does.
for _, name in ipairs(KEYS) do
  if redis.call("EXISTS", name) == 1 and redis.call("GET", name) ~= ARGV[1] then
    return 0
  end
end
for _, name in ipairs(KEYS) do
  redis.call("SET", name, ARGV[1], "PX", ARGV[2])
end
return #KEYS
