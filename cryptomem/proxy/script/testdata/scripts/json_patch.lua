-- setup: SET doc {"user":{"name":"x","tags":["a","b"]},"n":1.5}
-- run: 1 doc name y
-- run: 1 doc tags c
-- run: 1 doc nothing d
local doc = cjson.decode(redis.call('GET', KEYS[1]))
local old = doc.user[ARGV[1]]
if old == nil then
  error({err = 'NOFIELD ' .. ARGV[1]})
elseif type(old) == 'table' then
  table.insert(old, ARGV[2])
else
  doc.user[ARGV[1]] = ARGV[2]
end
return {type(old), #doc.user.tags, doc.user.name, cjson.encode(doc.user.tags), cjson.encode(doc.n)}
