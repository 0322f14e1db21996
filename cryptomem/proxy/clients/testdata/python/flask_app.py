"""A Flask program whose requests are limited, by fixed and by moving windows."""

import os

import redis
from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from limits.storage import storage_from_string


def statuses(strategy):
    app = Flask(strategy)
    limiter = Limiter(get_remote_address, app=app, storage_uri=os.environ["REDIS_URL"], strategy=strategy, key_prefix=strategy)

    @app.route("/")
    @limiter.limit("5/hour;3/minute")
    def index():
        return "in"

    client = app.test_client()
    return [client.get("/").status_code for _ in range(5)]


redis.Redis.from_url(os.environ["REDIS_URL"]).flushdb()
for strategy in "fixed-window", "moving-window", "fixed-window-elastic-expiry":
    assert statuses(strategy) == [200, 200, 200, 429, 429], strategy

# Its reset removes names that it finds by itself, and does not declare.
try:
    storage_from_string(os.environ["REDIS_URL"]).reset()
    refused = False
except redis.ResponseError as e:
    refused = "not among its KEYS" in str(e)
assert refused == (os.environ["TARGET"] != "redis")
