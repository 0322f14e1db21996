# The same by redis-py, with pipelines in MULTI.
import os, sys, threading
import redis

c = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
over = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
may, counted, n, failed = {}, 0, 0, 0


def attempt(what, do, check):
    global failed
    try:
        got = do()
    except redis.RedisError:
        failed += 1
        return False
    if not check(got):
        print("WRONG redis-py:", what, "answered", repr(got), flush=True)
        os._exit(1)
    return True


while not over.is_set():
    n += 1
    name, value = f"py:{n % 17}", f"py:{n % 17}={n}"
    if n % 5 == 0:
        attempt("ECHO " + value, lambda: c.echo(value), lambda got: got == value)
    elif n % 5 == 1:
        done = attempt("SET " + name, lambda: c.set(name, value, ex=1000), lambda got: got is True)
        may[name] = ([] if done else may.get(name, [])) + [value]
    elif n % 5 == 2:
        counted += 2
        both = lambda: c.pipeline().incr("py:n").incr("py:n").echo(value).execute()
        attempt("MULTI INCR INCR ECHO", both, lambda got: 1 <= got[0] <= counted and got[1] == got[0] + 1 and got[2] == value)
    elif n % 5 == 3:
        field = {"f": value, "g": value}
        def hashes():
            c.hset("py:h", mapping=field)
            return c.hgetall("py:h")
        attempt("HGETALL", hashes, lambda got: got in ({}, field))
    else:
        attempt("GET " + name, lambda: c.get(name), lambda got: got is None or got in may.get(name, []))
    if n % 50 == 0:
        print("did", n, "failed", failed, flush=True)
