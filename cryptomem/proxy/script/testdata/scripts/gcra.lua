-- run: 1 gcra 3 10 1 1 1000.25
-- run: 1 gcra 3 10 1 1 1000.5
-- run: 1 gcra 3 10 1 2 1000.75
-- run: 1 gcra 3 10 1 5 1001
-- run: 1 gcra 3 10 1 1 2000
-- run: 1 gcra 1 7 3 1 2000.123456
-- A cell rate: burst, rate, period, cost, now.
local burst, rate, period, cost, now = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local interval = period / rate
local increment = interval * cost
local tolerance = interval * burst
local arrival = redis.call("GET", KEYS[1])
if not arrival then
  arrival = now
else
  arrival = tonumber(arrival)
end
arrival = math.max(arrival, now)
local fresh = arrival + increment
local allowed = fresh - tolerance
local difference = now - allowed
local remaining = difference / interval
if remaining < 0 then
  local reset = arrival - now
  local retry = difference * -1
  return {0, 0, tostring(retry), tostring(reset)}
end
local reset = fresh - now
if reset > 0 then
  redis.call("SET", KEYS[1], fresh, "EX", math.ceil(reset))
end
return {cost, remaining, tostring(-1), tostring(reset), redis.call("GET", KEYS[1])}
