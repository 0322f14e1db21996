"""What users of redis-py do."""

import os
import threading

import redis
from redis.lock import Lock

url = os.environ["REDIS_URL"]
r = redis.Redis.from_url(url)
text = redis.Redis.from_url(url, decode_responses=True)

assert r.ping()
r.flushdb()

# Values of any bytes, under names of any bytes.
name, value = bytes(range(256)), os.urandom(100_000)
assert r.set(name, value, ex=60)
assert r.get(name) == value and 0 < r.ttl(name) <= 60
large = os.urandom(16 << 20)
assert r.set("large", large) and r.get("large") == large
assert r.set("a", 1, nx=True) and r.set("a", 2, nx=True) is None and r.set("a", 3, get=True) == b"1"
assert r.incrby("a", 4) == 7 and r.incrbyfloat("f", 1.5) == 1.5 and r.append("a", "0") == 2
assert r.mset({"m1": 1, "m2": 2}) and r.mget("m1", "none", "m2") == [b"1", None, b"2"]
assert r.getdel("m1") == b"1" and r.exists("m1", "m2") == 1 and r.delete("m1", "m2") == 1

# Collections.
assert text.hset("h", mapping={"f": "v", "n": 1}) == 2 and text.hgetall("h") == {"f": "v", "n": "1"}
assert text.hincrby("h", "n", 2) == 3 and dict(text.hscan_iter("h")) == {"f": "v", "n": "3"}
assert text.zadd("z", {"x": 1, "y": 2.5}) == 2 and text.zrange("z", 0, -1, withscores=True) == [("x", 1.0), ("y", 2.5)]
assert text.sadd("s", "p", "q") == 2 and text.smembers("s") == {"p", "q"}
assert text.rpush("l", "1", "2", "3") == 3 and text.lrange("l", 0, -1) == ["1", "2", "3"] and text.lpop("l", 2) == ["1", "2"]
try:
    r.incr("l")
    raise AssertionError("a list was counted up")
except redis.ResponseError as e:
    assert str(e).startswith("WRONGTYPE"), e

# Pipelines send MULTI around them unless told otherwise, and keep their order.
for transaction in True, False:
    p = r.pipeline(transaction=transaction)
    for i in range(10_000):
        p.set(f"p{i % 100}", i)
        p.get(f"p{i % 100}")
    answers = p.execute()
    assert answers == [x for i in range(10_000) for x in (True, str(i).encode())]
p = r.pipeline()
p.set("ok", 1).lpush("ok", 2).get("ok")
answers = p.execute(raise_on_error=False)
assert answers[0] is True and isinstance(answers[1], redis.ResponseError) and answers[2] == b"1"


def add(pipe):
    n = int(pipe.get("watched") or 0)
    pipe.multi()
    pipe.set("watched", n + 1)


threads = [threading.Thread(target=lambda: [r.transaction(add, "watched") for _ in range(10)]) for _ in range(4)]
[t.start() for t in threads]
[t.join() for t in threads]
assert r.get("watched") == b"40"

# Scripts are sent by their hash first.
script = r.register_script("local n = redis.call('INCRBY', KEYS[1], ARGV[1]) return {n, redis.call('PTTL', KEYS[1])}")
assert script(keys=["counter"], args=[5]) == [5, -1] and script(keys=["counter"], args=[5]) == [10, -1]

# Locks.
lock = r.lock("lock", timeout=60)
assert lock.acquire() and lock.owned()
assert not Lock(r, "lock", timeout=60).acquire(blocking=False)
assert lock.extend(10) and lock.reacquire()
lock.release()
try:
    lock.release()
    raise AssertionError("a lock was released twice")
except redis.exceptions.LockError:
    pass

# Names.
r.flushdb()
p = r.pipeline()
for i in range(500):
    p.set(f"page:{i}", i)
p.hset("other", "f", "v")
p.execute()
assert {*r.scan_iter("page:*", count=100)} == {f"page:{i}".encode() for i in range(500)}
assert {*r.scan_iter(_type="hash")} == {b"other"} and len(r.keys("page:1*")) == 111 and r.dbsize() == 501
r.set("a", 70)

# A connection that broke is made anew.
assert r.client_id() > 0 and r.client_setname("spec") and r.client_getname() == "spec"
r.connection_pool.disconnect()
assert r.get("a") == b"70"

# What is refused is an error, and the connection goes on.
try:
    r.xadd("stream", {"a": 1})
    assert os.environ["TARGET"] == "redis"
except redis.ResponseError as e:
    assert "unknown command" in str(e), e
assert r.ping() and r.info()["redis_version"].startswith("7.0.")
