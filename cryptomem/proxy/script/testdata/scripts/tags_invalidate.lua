-- setup: SADD tag:a k1 k2
-- setup: SADD tag:b k2 k3
-- setup: MSET k1 1 k2 2 k3 3
-- run: 2 tag:a tag:b k
-- run: 2 tag:a tag:b k
local removed = 0
for i = 1, #KEYS do
  local members = redis.call('SMEMBERS', KEYS[i])
  for j = 1, #members, 5000 do
    removed = removed + redis.call('DEL', unpack(members, j, math.min(j + 4999, #members)))
  end
  redis.call('DEL', KEYS[i])
end
return removed
