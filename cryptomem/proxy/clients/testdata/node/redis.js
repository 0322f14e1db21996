// What users of the redis package do, versions 4 to 6; 6 speaks RESP3.
import assert from "node:assert/strict";
import * as redis4 from "redis4";
import * as redis5 from "redis5";
import * as redis6 from "redis";

const versions = [[redis4, {}], [redis5, {}], [redis5, { RESP: 3 }], [redis6, {}], [redis6, { RESP: 2 }]];
for (const [lib, options] of versions) {
  const c = lib.createClient({ url: process.env.REDIS_URL, socket: { connectTimeout: 60_000 }, commandOptions: { timeout: 60_000 }, ...options });
  c.on("error", (e) => { throw e; });
  await c.connect();
  await c.flushDb();
  assert.equal(await c.set("a", "1", { EX: 60 }), "OK");
  assert.equal(await c.get("a"), "1");
  assert.equal(await c.get("none"), null);
  assert.ok((await c.ttl("a")) > 0);
  assert.equal(await c.incr("a"), 2);
  assert.equal(await c.hSet("h", { f: "v", g: "w" }), 2);
  assert.deepEqual({ ...(await c.hGetAll("h")) }, { f: "v", g: "w" });
  assert.equal(await c.zAdd("z", [{ score: 1, value: "x" }, { score: 2.5, value: "y" }]), 2);
  assert.deepEqual(await c.zRangeWithScores("z", 0, -1), [{ value: "x", score: 1 }, { value: "y", score: 2.5 }]);
  assert.equal(await c.zScore("z", "y"), 2.5);
  assert.equal(await c.sAdd("s", ["p", "q"]), 2);
  assert.deepEqual([...(await c.sMembers("s"))].sort(), ["p", "q"]);
  assert.deepEqual(await c.multi().set("m", "1").incr("m").get("m").exec(), ["OK", 2, "2"]);
  assert.deepEqual(await Promise.all(Array.from({ length: 10_000 }, (_, i) => c.set(`p${i % 50}`, `${i}`).then(() => i))), Array.from({ length: 10_000 }, (_, i) => i));
  assert.equal(await c.eval("return redis.call('INCRBY', KEYS[1], ARGV[1])", { keys: ["e"], arguments: ["5"] }), 5);
  const sha = await c.scriptLoad("return ARGV[1]");
  assert.equal(await c.evalSha(sha, { keys: [], arguments: ["x"] }), "x");
  if (process.env.TARGET !== "redis") await assert.rejects(c.sendCommand(["PUBLISH", "a", "b"]), /unknown command/);
  await assert.rejects(c.sendCommand(["LPUSH", "a", "b"]), /WRONGTYPE/);
  assert.equal(await c.ping(), "PONG");
  await (c.close?.() ?? c.quit());
}
