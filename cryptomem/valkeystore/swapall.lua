local places = ARGV[1]
for i, key in ipairs(KEYS) do
  local wanted = ARGV[3 * i - 1]
  if wanted == 'absent' then
    if redis.call('EXISTS', key) == 1 then
      return 0
    end
  elseif wanted ~= 'any' then
    local held = redis.pcall('GETRANGE', key, 0, 63)
    if type(held) == 'table' then
      return held
    end
    local at = 64
    for j = 1, #places, 2 do
      if held ~= '' and string.byte(places, j) == string.byte(held) then
        at = string.byte(places, j + 1)
      end
    end
    if string.sub(held, at + 1, at + 8) ~= wanted then
      return 0
    end
  end
end
for i, key in ipairs(KEYS) do
  local value, px = ARGV[3 * i], ARGV[3 * i + 1]
  if px == '1' then
    redis.call('DEL', key)
  elseif px == '0' then
    redis.call('SET', key, value)
  elseif px ~= 'keep' then
    redis.call('SET', key, value, 'PX', px)
  end
end
return 1
