local held = redis.pcall('GETRANGE', KEYS[1], 0, 15)
if type(held) == 'table' then
  return held
end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local fence, deadline = 0, 0
if held ~= '' then
  if #held < 16 or string.byte(held) ~= 0 then
    return 0
  end
  fence, deadline = struct.unpack('>I8I8', held)
end
if ARGV[1] == '' then
  if now < deadline then
    return 0
  end
elseif held == '' then
  return -1
elseif fence ~= tonumber(ARGV[1]) then
  return 0
end
fence = math.max(now, fence + 1)
if ARGV[3] == '0' then
  redis.call('SET', KEYS[1], struct.pack('>I8I8', fence, 2 ^ 53) .. ARGV[2])
else
  deadline = now + ARGV[3] * 1000
  redis.call('SET', KEYS[1], struct.pack('>I8I8', fence, deadline) .. ARGV[2], 'PX', string.format('%.0f', ARGV[3] + ARGV[4]))
end
return fence
