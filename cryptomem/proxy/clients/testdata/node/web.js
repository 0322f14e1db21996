// A program with Express: sessions, limits of requests, and caches.
import assert from "node:assert/strict";
import express from "express";
import session from "express-session";
import { RedisStore } from "connect-redis";
import { rateLimit } from "express-rate-limit";
import { RedisStore as LimitStore } from "rate-limit-redis";
import { RateLimiterRedis } from "rate-limiter-flexible";
import { Redis } from "ioredis5";
import { createClient } from "redis";
import { createCache } from "cache-manager";
import { Keyv } from "keyv";
import KeyvRedis from "@keyv/redis";

const client = await createClient({ url: process.env.REDIS_URL, socket: { connectTimeout: 60_000 }, commandOptions: { timeout: 60_000 } }).connect();
await client.flushDb();

const app = express();
app.use(session({ store: new RedisStore({ client, ttl: 600 }), secret: "of a spec", resave: false, saveUninitialized: false }));
app.get("/", (req, res) => { req.session.visits = (req.session.visits ?? 0) + 1; res.json(req.session.visits); });
app.get("/look", (req, res) => { res.json(req.session.visits ?? 0); });
app.get("/end", (req, res) => { req.session.destroy(() => res.json("ended")); });
app.get("/limited", rateLimit({
  windowMs: 60_000, limit: 3, validate: false,
  store: new LimitStore({ sendCommand: (...args) => client.sendCommand(args) }),
}), (_, res) => { res.json("in"); });
const server = app.listen(0, "127.0.0.1");
await new Promise((resolve) => { server.once("listening", resolve); });
const base = `http://127.0.0.1:${server.address().port}`;
let cookie = "";
const get = async (path) => {
  const answer = await fetch(base + path, { headers: { cookie } });
  cookie = answer.headers.get("set-cookie")?.split(";")[0] ?? cookie;
  return [answer.status, await answer.json().catch(() => null)];
};
for (const n of [1, 2, 3]) assert.deepEqual(await get("/"), [200, n]);
assert.deepEqual(await get("/look"), [200, 3]);
assert.deepEqual(await get("/end"), [200, "ended"]);
assert.deepEqual(await get("/look"), [200, 0]);
const limited = [];
for (let i = 0; i < 5; i++) limited.push((await get("/limited"))[0]);
assert.deepEqual(limited, [200, 200, 200, 429, 429]);
server.close();
server.closeAllConnections();

const io = new Redis(process.env.REDIS_URL, { enableOfflineQueue: false, connectTimeout: 60_000 });
await new Promise((resolve) => { io.once("ready", resolve); });
const limiter = new RateLimiterRedis({ storeClient: io, points: 3, duration: 60, blockDuration: 60 });
for (let i = 0; i < 3; i++) assert.equal((await limiter.consume("me")).remainingPoints, 2 - i);
await assert.rejects(limiter.consume("me"));
assert.equal((await limiter.get("me")).consumedPoints > 3, true);
io.disconnect();

const keyv = new Keyv(new KeyvRedis({ url: process.env.REDIS_URL, socket: { connectTimeout: 60_000 }, commandOptions: { timeout: 60_000 } }), { namespace: "app" });
await keyv.set("a", { any: ["thing"] }, 60_000);
assert.deepEqual(await keyv.get("a"), { any: ["thing"] });
assert.deepEqual(await keyv.get(["a", "none"]), [{ any: ["thing"] }, undefined]);
const cache = createCache({ stores: [keyv] });
assert.equal(await cache.wrap("b", async () => "made", 60_000), "made");
assert.equal(await cache.wrap("b", async () => "again", 60_000), "made");
assert.equal(await cache.del("b"), true);
assert.equal(await keyv.delete("a"), true);
assert.equal(await keyv.get("a"), undefined);
await keyv.disconnect();
await client.close();
