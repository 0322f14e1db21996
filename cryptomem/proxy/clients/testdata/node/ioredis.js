// What users of ioredis do, versions 5 and 6, and a lock on it.
import assert from "node:assert/strict";
import * as io5 from "ioredis5";
import * as io6 from "ioredis6";
import Redlock from "redlock";

for (const lib of [io5, io6]) {
  const r = new lib.Redis(process.env.REDIS_URL, { connectTimeout: 60_000 });
  await new Promise((resolve, reject) => { r.once("ready", resolve); r.once("error", reject); });
  await r.flushdb();
  assert.equal(await r.set("a", "1", "EX", 60), "OK");
  assert.equal(await r.set("a", "2", "NX"), null);
  assert.equal(await r.incrby("a", 4), 5);
  assert.equal(await r.hmset("h", { f: "v", n: 1 }), "OK");
  assert.deepEqual(await r.hgetall("h"), { f: "v", n: "1" });
  assert.deepEqual(await r.mget("a", "none"), ["5", null]);
  const pipeline = r.pipeline();
  for (let i = 0; i < 10_000; i++) pipeline.set(`p${i % 50}`, i).get(`p${i % 50}`);
  assert.deepEqual((await pipeline.exec()).slice(-2), [[null, "OK"], [null, "9999"]]);
  assert.deepEqual(await r.multi().incr("a").incr("a").exec(), [[null, 6], [null, 7]]);
  r.defineCommand("limit", { numberOfKeys: 1, lua: "local n = redis.call('INCR', KEYS[1]) if n == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end return n" });
  assert.deepEqual([await r.limit("l", 60000), await r.limit("l", 60000)], [1, 2]);
  assert.ok((await r.pttl("l")) > 0);
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  await r.set(bytes, bytes);
  assert.deepEqual(await r.getBuffer(bytes), bytes);
  const found = new Set();
  for await (const names of r.scanStream({ match: "p*", count: 20 })) names.forEach((name) => found.add(name));
  assert.equal(found.size, 50);
  if (process.env.TARGET !== "redis") await assert.rejects(r.subscribe("news"), /unknown command/);
  r.disconnect();
}

const client = new io5.Redis(process.env.REDIS_URL, { connectTimeout: 60_000 });
const redlock = new Redlock([client], { retryCount: 0 });
let lock = await redlock.acquire(["resource"], 60_000);
await assert.rejects(redlock.acquire(["resource"], 60_000));
lock = await lock.extend(60_000);
await lock.release();
await redlock.using(["resource"], 60_000, async () => {});
client.disconnect();
