# The same by the redis gem.
require "redis"

$stdout.sync = true
c = Redis.new(url: ENV["REDIS_URL"], reconnect_attempts: 1)
over = false
Thread.new { $stdin.read; over = true }
may, counted, n, failed = {}, 0, 0, 0
attempt = lambda do |what, check, &run|
  got = run.call
  unless check.call(got)
    puts "WRONG redis gem: #{what} answered #{got.inspect}"
    exit! 1
  end
  true
rescue Redis::BaseError
  failed += 1
  false
end
until over
  n += 1
  name = "rb:#{n % 17}"
  value = "#{name}=#{n}"
  case n % 5
  when 0 then attempt.call("ECHO", ->(got) { got == value }) { c.echo(value) }
  when 1
    done = attempt.call("SET", ->(got) { got == "OK" }) { c.set(name, value, ex: 1000) }
    may[name] = (done ? [] : may.fetch(name, [])) + [value]
  when 2
    counted += 1
    attempt.call("INCR", ->(got) { got.between?(1, counted) }) { c.incr("rb:n") }
  when 3
    attempt.call("pipeline", ->(got) { got == [value, nil, value] }) { c.pipelined { |p| p.echo(value); p.get("rb:none"); p.echo(value) } }
  else
    attempt.call("GET", ->(got) { got.nil? || may.fetch(name, []).include?(got) }) { c.get(name) }
  end
  puts "did #{n} failed #{failed}" if (n % 50).zero?
end
