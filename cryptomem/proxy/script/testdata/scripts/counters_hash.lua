-- run: 1 h visits 1 spent 2.25
-- run: 1 h visits 2 spent 0.1
-- run: 1 h visits x
local replies = {}
for i = 1, #ARGV, 2 do
  local field, by = ARGV[i], ARGV[i + 1]
  if string.find(by, '.', 1, true) then
    replies[#replies + 1] = redis.call('HINCRBYFLOAT', KEYS[1], field, by)
  else
    replies[#replies + 1] = redis.call('HINCRBY', KEYS[1], field, by)
  end
end
return replies
