-- run: 1 client
-- setup: SET client 7 PX 100000
-- run: 1 client
local hits = redis.call("GET", KEYS[1])
local left = redis.call("TTL", KEYS[1])
return { hits, left }
