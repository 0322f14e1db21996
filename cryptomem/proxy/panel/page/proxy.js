// The page of a proxy: it listens to samples and redraws with each.

import { age, bytes, count, nothing, percent, time } from "./format.js";
import { TimeChart, html, spark, swatch } from "./chart.js";
import { listen } from "./feed.js";

const span = 180_000; // shown, in milliseconds
const firstBucket = 2 ** 14; // nanoseconds; each next bucket reaches twice as far
const shown = 8; // commands with a colour of their own
const quantileSamples = 10; // over which times are taken: a quantile of a few is noise
const color = (i) => `var(--c${i})`;
const $ = (id) => document.getElementById(id);
const set = (id, text) => { if ($(id).textContent !== text) $(id).textContent = text; };

const charts = {
  ops: new TimeChart($("c-ops"), { span, series: [], stacked: true, format: count, least: 10, empty: "No commands in the last three minutes", unit: "/s" }),
  lat: new TimeChart($("c-lat"), {
    span, logarithmic: true, format: time, empty: "No requests in the last three minutes",
    series: [
      { name: "p99", color: color(4), value: (p) => p.p99 },
      { name: "p50", color: color(1), value: (p) => p.p50 },
    ],
  }),
  calls: new TimeChart($("c-calls"), {
    span, format: count, least: 4, empty: "No requests in the last three minutes", unit: "/s",
    series: [{ name: "calls", color: color(2), value: (p) => p.calls }],
  }),
};

let samples = [];

const sum = (list) => list.reduce((a, b) => a + b, 0);
const withheld = (reason) => reason === "not_authentic" || reason === "expired" || reason.startsWith("stale_");
const unopened = (s) => sum(Object.entries(s.upstream.failed).filter(([reason]) => withheld(reason)).map(([, n]) => n));
const refused = (s) => sum((s.proxy.refused ?? []).map((r) => r.count));

/** derive turns consecutive samples of one proxy into points. */
function derive() {
  const points = [];
  for (let i = 1; i < samples.length; i++) {
    const a = samples[i - 1], b = samples[i];
    const seconds = (Date.parse(b.about.now) - Date.parse(a.about.now)) / 1000;
    if (seconds <= 0 || a.about.started !== b.about.started) continue;
    let from = Math.max(0, i - quantileSamples);
    while (samples[from].about.started !== b.about.started) from++;
    const earlier = samples[from];
    const times = b.upstream.calls.map((n, k) => n - earlier.upstream.calls[k]);
    const rate = (f) => Math.max(0, f(b) - f(a)) / seconds;
    const commands = {};
    for (const [name, n] of Object.entries(b.proxy.commands)) commands[name] = (n - (a.proxy.commands[name] ?? 0)) / seconds;
    points.push({
      at: Date.parse(b.about.now), commands, ops: sum(Object.values(commands)),
      calls: rate((s) => sum(s.upstream.calls)), requests: rate((s) => s.upstream.requests),
      p50: quantile(times, 0.5), p99: quantile(times, 0.99),
      clients: b.connections.open, unopened: unopened(b), refused: refused(b),
      cpu: rate((s) => s.process.cpu_ns) / 1e9, accepted: rate((s) => s.connections.accepted),
    });
  }
  return points;
}

/** quantile returns nanoseconds, by even spread within a bucket. */
function quantile(counts, q) {
  let rank = q * sum(counts);
  if (rank === 0) return null;
  for (let i = 0; i < counts.length; i++) {
    if (rank <= counts[i]) {
      const low = i === 0 ? 0 : firstBucket * 2 ** (i - 1);
      return low + (firstBucket * 2 ** i - low) * (rank / counts[i]);
    }
    rank -= counts[i];
  }
  return firstBucket * 2 ** (counts.length - 1);
}

function draw() {
  const s = samples.at(-1);
  if (!s) return;
  const points = derive(), p = points.at(-1);
  set("addr", (s.about.addr ?? []).join(", ") + " → " + s.upstream.addr);
  set("version", s.about.version);
  set("uptime", "up " + age((Date.parse(s.about.now) - Date.parse(s.about.started)) * 1e6));
  tile("ops", points, count(p?.ops), `${count(p?.requests)} requests/s behind`, (x) => x.ops, 1);
  const down = s.upstream.problem && !s.upstream.starting;
  tile("up", points, s.upstream.starting ? "starting" : down ? "down" : "up", s.upstream.problem ?? s.upstream.addr, (x) => x.calls, 2, down);
  tile("p99", points, time(p?.p99), p?.p99 ? `p50 ${time(p.p50)}` : "no requests", (x) => x.p99, 4);
  tile("conn", points, count(s.connections.open), `of ${count(s.connections.max)} allowed`, (x) => x.clients, 7);
  tile("bad", points, count(unopened(s)), "values, since start", (x) => x.unopened, 3, (s.upstream.failed.not_authentic ?? 0) > 0);
  tile("refused", points, count(refused(s)), "commands, since start", (x) => x.refused, 5);
  commands(s, points, p);
  charts.lat.update(points);
  legend($("l-lat"), [["p50", color(1), time(p?.p50)], ["p99", color(4), time(p?.p99)]]);
  charts.calls.update(points);
  figures($("d-calls"), [
    ["requests per call", p?.calls ? (p.requests / p.calls).toFixed(1) : nothing],
    ...nearFigures(s.upstream.near),
    ["changes combined", count(s.proxy.coalesced)], ["swaps retried", count(s.proxy.lost)],
  ]);
  const failed = Object.entries(s.upstream.failed).filter(([, n]) => n > 0);
  figures($("d-fail"), failed.length ? failed.map(([why, n]) => [why.replaceAll("_", " "), count(n), why === "not_authentic"]) : [["none", ""]]);
  figures($("d-work"), [
    ["new", count(p?.accepted) + "/s"], ["refused: limit reached", count(s.connections.refused), s.connections.refused > 0],
    ["closed: too slow", count(s.connections.timed_out), s.connections.timed_out > 0], ["closed: idle timeout", count(s.connections.idle)],
    ["process in RAM", s.process.resident ? bytes(s.process.resident) : nothing],
    ["CPU", p ? percent(p.cpu) + " of one core" : nothing], ["goroutines", count(s.process.goroutines)],
  ]);
  table($("x-refused"), ["client", "command", "count"], (s.proxy.refused ?? []).toSorted((a, b) => b.count - a.count).slice(0, 20).map((r) => [r.client, r.command, count(r.count)]));
  table($("x-commands"), ["command", "count"], Object.entries(s.proxy.commands).toSorted((a, b) => b[1] - a[1]).map(([name, n]) => [name, count(n)]));
  document.documentElement.dataset.samples = samples.length;
}

/** nearFigures says how the near cache does, if there is one. */
function nearFigures(near) {
  if (!near) return [];
  const reads = near.hits + near.misses;
  return [["near-cache hits", reads ? percent(near.hits / reads) : nothing], ["near copies", `${count(near.copies)}, ${bytes(near.bytes)}`]];
}

function tile(id, points, text, note, value, tone, alarm = false) {
  set(`t-${id}`, text);
  $(`t-${id}`).className = alarm ? "alarm" : "";
  set(`t-${id}-note`, note);
  spark($(`s-${id}`), points, value, color(tone));
}

/** commands draws the most frequent ones apart and the rest together. */
function commands(s, points, p) {
  const names = Object.entries(s.proxy.commands).toSorted((a, b) => b[1] - a[1]).slice(0, shown).map(([name]) => name);
  const rest = (x) => x.ops - sum(names.map((n) => x.commands[n] ?? 0));
  const series = names.map((name, i) => ({ name, color: color(i + 1), value: (x) => x.commands[name] ?? 0 }));
  if (Object.keys(s.proxy.commands).length > shown) series.push({ name: "others", color: color(9), value: rest });
  charts.ops.update(points, series);
  legend($("l-ops"), series.map((x) => [x.name, x.color, p ? count(x.value(p)) + "/s" : nothing]));
}

function legend(element, rows) {
  element.replaceChildren(...rows.map(([name, tone, value]) => {
    const item = html("li");
    item.append(swatch(tone), name, html("b", "", value ?? nothing));
    return item;
  }));
}

function figures(element, rows) {
  element.replaceChildren(...rows.map(([name, value, alarm]) => {
    const row = html("div");
    row.append(html("dt", "", name), html("dd", alarm ? "alarm" : "", value));
    return row;
  }));
}

function table(element, head, rows) {
  const line = (cells, name) => {
    const tr = html("tr");
    tr.append(...cells.map((text) => html(name, "", text)));
    return tr;
  };
  const thead = html("thead"), tbody = html("tbody");
  thead.append(line(head, "th"));
  tbody.append(...rows.map((r) => line(r, "td")));
  if (rows.length === 0) tbody.append(line(["None yet", ...head.slice(1).map(() => "")], "td"));
  element.replaceChildren(thead, tbody);
}

function state(name, text) {
  document.documentElement.dataset.state = name;
  set("live", text);
}

function show(s) {
  if (samples.at(-1)?.about.now === s.about.now) samples.pop();
  samples.push(s);
  const begin = Date.parse(s.about.now) - span;
  samples = samples.filter((x) => Date.parse(x.about.now) >= begin);
  draw();
}

/** remember joins what the page has seen and what the proxy remembers. */
function remember(history) {
  if (history.length === 0) return;
  const begin = Date.parse(history[0].about.now);
  samples = [...samples.filter((x) => Date.parse(x.about.now) < begin), ...history];
}

const known = JSON.parse($("known").textContent); // when the page was made
remember(known.history);
show(known.latest);
listen({
  history: remember,
  lost: () => state("lost", "no connection, trying again"),
  sample: (s) => {
    show(s);
    state("live", "live");
  },
});
