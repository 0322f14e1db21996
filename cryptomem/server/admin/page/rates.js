// What happened between two samples of the server.

/** Below this many nanoseconds is the first bucket of latencies; each next one
 * reaches twice as far. */
const firstBucket = 1024;

/** Over how many samples latencies are taken: a quantile of a few is noise. */
const latencySamples = 10;

/** derive turns consecutive samples into the points that charts draw. A server
 * that was restarted begins anew. */
export function derive(samples) {
  const points = [];
  for (let i = 1; i < samples.length; i++) {
    const a = samples[i - 1], b = samples[i];
    const seconds = (Date.parse(b.about.now) - Date.parse(a.about.now)) / 1000;
    if (seconds <= 0 || a.about.started !== b.about.started) continue;
    let from = Math.max(0, i - latencySamples);
    while (samples[from].about.started !== b.about.started) from++;
    points.push(point(a, b, seconds, samples[from]));
  }
  return points;
}

/** restarts returns when, between two samples, the server began anew. */
export function restarts(samples) {
  return samples.filter((b, i) => i > 0 && samples[i - 1].about.started !== b.about.started).map((b) => Date.parse(b.about.started));
}

function point(a, b, seconds, earlier) {
  const rate = (f) => Math.max(0, f(b) - f(a)) / seconds;
  const commands = {};
  let errors = 0;
  for (const r of b.server.requests ?? []) {
    const n = (r.count - requests(a, r.command, r.status)) / seconds;
    commands[r.command] = (commands[r.command] ?? 0) + n;
    if (["error", "denied", "busy"].includes(r.status)) errors += n;
  }
  const hits = rate((s) => s.cache.hits), misses = rate((s) => s.cache.misses);
  const latency = latencies(earlier, b);
  return {
    at: Date.parse(b.about.now),
    commands, errors, hits, misses,
    ops: Object.values(commands).reduce((sum, n) => sum + n, 0),
    hitRatio: hits + misses > 0 ? hits / (hits + misses) : null,
    p50: quantile(latency, 0.5), p99: quantile(latency, 0.99), p999: quantile(latency, 0.999),
    memory: b.cache.memory.total,
    items: b.cache.items,
    connections: b.server.connections,
    accepted: rate((s) => s.server.accepted),
    received: rate((s) => s.server.bytes_received),
    sent: rate((s) => s.server.bytes_sent),
    stored: rate((s) => s.cache.sets),
    deleted: rate((s) => s.cache.deleted),
    expired: rate((s) => s.cache.expired),
    evicted: rate((s) => s.cache.evicted),
    moved: rate((s) => s.cache.moved_bytes),
    cpu: rate((s) => s.process.cpu_ns) / 1e9,
  };
}

function requests(sample, command, status) {
  const found = (sample.server.requests ?? []).find((r) => r.command === command && r.status === status);
  return found ? found.count : 0;
}

/** latencies adds up, over all commands, how many batches fell into a bucket. */
function latencies(a, b) {
  const counts = [];
  for (const batch of b.server.batches ?? []) {
    const before = (a.server.batches ?? []).find((x) => x.command === batch.command);
    batch.counts.forEach((n, i) => { counts[i] = (counts[i] ?? 0) + n - (before ? before.counts[i] : 0); });
  }
  return counts;
}

/** quantile returns nanoseconds, by even spread within a bucket. */
export function quantile(counts, q) {
  const total = counts.reduce((sum, n) => sum + n, 0);
  if (total === 0) return null;
  let rank = q * total;
  for (let i = 0; i < counts.length; i++) {
    if (rank <= counts[i]) {
      const low = i === 0 ? 0 : firstBucket * 2 ** (i - 1);
      return low + (firstBucket * 2 ** i - low) * (rank / counts[i]);
    }
    rank -= counts[i];
  }
  return firstBucket * 2 ** (counts.length - 1);
}
