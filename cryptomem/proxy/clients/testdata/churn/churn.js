// A mix of commands by node's redis or ioredis (argv[2]) while the upstream comes
// and goes: a command may fail, and a value may be gone, but none may be wrong.
import * as redis6 from "redis";
import * as io6 from "ioredis6";

const who = process.argv[2];
const url = process.env.REDIS_URL;
let c, send;
if (who === "ioredis") {
  c = new io6.Redis(url);
  send = (...args) => c.call(...args);
} else {
  c = redis6.createClient({ url });
  await c.connect();
  send = (...args) => c.sendCommand(args);
}
c.on("error", () => {});
let over = false;
process.stdin.on("end", () => { over = true; }).resume();

const may = new Map(); // what a name may hold besides nothing
let counted = 0, n = 0, failed = 0;
const wrong = (what, got) => { console.log(`WRONG ${who}: ${what} answered ${JSON.stringify(got)}`); process.exit(1); };
async function attempt(args, check) {
  let got;
  try { got = await send(...args); } catch { failed++; return false; }
  if (!check(got)) wrong(args.join(" "), got);
  return true;
}
for (n = 1; !over; n++) {
  const name = `${who}:${n % 17}`, value = `${name}=${n}`;
  switch (n % 6) {
    case 0: await attempt(["ECHO", value], (got) => got === value); break;
    case 1: {
      const done = await attempt(["SET", name, value, "EX", "1000"], (got) => got === "OK");
      may.set(name, done ? [value] : [...(may.get(name) ?? []), value]);
      break;
    }
    case 2: counted++; await attempt(["INCR", `${who}:n`], (got) => got >= 1 && got <= counted); break;
    case 3: await attempt(["EVAL", "return {KEYS[1], ARGV[1], redis.call('EXISTS', KEYS[1])}", "1", name, value], (got) => got[0] === name && got[1] === value && got[2] <= 1); break;
    case 4: {
      const rest = [attempt(["ECHO", "a" + n], (got) => got === "a" + n), attempt(["GET", `${who}:none`], (got) => got === null), attempt(["ECHO", "b" + n], (got) => got === "b" + n)];
      await Promise.all(rest);
      break;
    }
    case 5: await attempt(["GET", name], (got) => got === null || (may.get(name) ?? []).includes(got)); break;
  }
  if (n % 50 === 0) console.log(`did ${n} failed ${failed}`);
}
process.exit(0);
