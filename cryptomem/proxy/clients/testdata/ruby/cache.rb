# What the redis gem does for Rails.
require "redis"

def check(what)
  raise what unless yield
end

r = Redis.new(url: ENV["REDIS_URL"], timeout: 60)
check("set") { r.set("a", "1", ex: 60, nx: true) || true }
check("get") { r.set("a", "\xff\x00b".b) && r.get("a").b == "\xff\x00b".b }
check("incr") { r.incr("n") >= 1 && r.expire("n", 60) }
check("mget") { r.mset("x", 1, "y", 2) == "OK" && r.mapped_mget("x", "y", "none") == { "x" => "1", "y" => "2", "none" => nil } }
check("hash") { r.mapped_hmset("h", "f" => 1) == "OK" && r.hgetall("h") == { "f" => "1" } }
check("pipeline") { r.pipelined { |p| p.set("p", 1); p.incr("p") } == ["OK", 2] }
check("multi") { r.multi { |t| t.set("t", 1); t.incr("t") } == ["OK", 2] }
check("eval") { r.eval("return {KEYS[1], ARGV[1]}", keys: ["k"], argv: ["v"]) == %w[k v] }
check("watch") { r.watch("p") { r.multi { |t| t.incr("p") } } == [3] }
begin
  r.xadd("stream", { "a" => 1 })
  check("refusal") { ENV["TARGET"] == "redis" }
rescue Redis::CommandError => e
  check("refusal") { e.message.include?("unknown command") }
end
check("after") { r.ping == "PONG" }
