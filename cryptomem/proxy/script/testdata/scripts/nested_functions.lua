-- run: 1 k 5
-- run: 1 k x
local function check(name, value)
  local number = tonumber(value)
  if number == nil then
    error(name .. ' is not a number: ' .. value)
  end
  return number
end

local Counter = {}
Counter.__index = Counter

function Counter.new(key)
  return setmetatable({key = key, steps = {}}, Counter)
end

function Counter:add(by)
  self.steps[#self.steps + 1] = redis.call('INCRBY', self.key, by)
  return self
end

local counter = Counter.new(KEYS[1]):add(1):add(check('step', ARGV[1]))
return {counter.steps, tostring(Counter.missing), counter:add(2).steps}
