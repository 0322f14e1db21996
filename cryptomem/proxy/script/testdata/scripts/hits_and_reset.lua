-- run: 1 client 0 60000
-- run: 1 client 1 60000
-- run: 1 client 1 60000
local hits = redis.call("INCR", KEYS[1])
local left = redis.call("PTTL", KEYS[1])
if left <= 0 or ARGV[1] == "1" then
  redis.call("PEXPIRE", KEYS[1], tonumber(ARGV[2]))
  left = tonumber(ARGV[2])
end
return { hits, left }
