"""A Django program: cache, sessions and locks on django-redis."""

import os

import django
from django.conf import settings

settings.configure(
    CACHES={
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": os.environ["REDIS_URL"],
            "OPTIONS": {"CLIENT_CLASS": "django_redis.client.DefaultClient"},
            "KEY_PREFIX": "site",
        },
    },
    SESSION_ENGINE="django.contrib.sessions.backends.cache",
    SECRET_KEY="of a spec",
)
django.setup()

from django.contrib.sessions.backends.cache import SessionStore  # noqa: E402
from django.core.cache import cache  # noqa: E402

cache.clear()
cache.set("a", {"any": ["thing"]}, timeout=60)
assert cache.get("a") == {"any": ["thing"]} and 0 < cache.ttl("a") <= 60
assert cache.add("a", 1) is False and cache.add("b", 1, timeout=5) is True
assert cache.get_or_set("c", lambda: "made", 60) == "made" and cache.get("none", "default") == "default"
cache.set("n", 1)
assert cache.incr("n") == 2 and cache.incr("n", 5) == 7 and cache.decr("n") == 6
try:
    cache.incr("nothing")
    raise AssertionError("nothing was counted up")
except ValueError:
    pass
assert cache.set_many({f"k{i}": i for i in range(100)}, timeout=60) in (None, [])
assert cache.get_many([f"k{i}" for i in range(100)]) == {f"k{i}": i for i in range(100)}
cache.delete_many(["k1", "k2"])
assert cache.get("k1") is None and cache.has_key("k3") and cache.delete("k3")
assert cache.touch("a", 600) and 60 < cache.ttl("a") <= 600
assert cache.persist("a") and cache.ttl("a") is None and cache.expire("a", 9) and cache.pttl("a") <= 9000
cache.set("version", "1", version=1)
assert cache.incr_version("version") == 2 and cache.get("version", version=2) == "1" and cache.get("version", version=1) is None
with cache.lock("lock", timeout=60):
    assert not cache.lock("lock", timeout=60).acquire(blocking=False)

session = SessionStore()
session["user"] = 7
session.create()
again = SessionStore(session.session_key)
assert again["user"] == 7 and again.exists(session.session_key)
again.cycle_key()
assert SessionStore(session.session_key).load() == {} and SessionStore(again.session_key)["user"] == 7
again.flush()

assert len(cache.keys("k*")) == 97 and sorted(cache.iter_keys("n*")) == ["n"]
assert cache.delete_pattern("k*") == 97 and cache.get("k50") is None and cache.get("n") == 6
cache.clear()
assert cache.get("a") is None
