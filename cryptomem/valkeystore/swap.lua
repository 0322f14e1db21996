local held = redis.pcall('GETRANGE', KEYS[1], 0, 63)
if type(held) == 'table' then
  return held
end
if held == '' then
  return redis.call('EXISTS', KEYS[1]) - 1
end
local at = 64
for i = 1, #ARGV[4], 2 do
  if string.byte(ARGV[4], i) == string.byte(held) then
    at = string.byte(ARGV[4], i + 1)
  end
end
if string.sub(held, at + 1, at + 8) ~= ARGV[1] then
  return 0
end
if ARGV[3] == '1' then
  redis.call('DEL', KEYS[1])
elseif ARGV[3] == '0' then
  redis.call('SET', KEYS[1], ARGV[2])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1
