// The page: it listens to the server's samples and redraws with each.

import { age, brief, bytes, count, nothing, percent, time } from "./format.js";
import { TimeChart, html, spark, swatch } from "./chart.js";
import { listen } from "./feed.js";
import { derive, restarts } from "./rates.js";

const span = 180_000; // shown, in milliseconds
// What stores and reads has a colour of its own; the rest shares one.
const commandColors = {
  GET: "--c1", SET: "--c2", DELETE: "--c3", ADD: "--c4", REPLACE: "--c5", TOUCH: "--c6", GETV: "--c7", CAS: "--c8", GETDEL: "--c10",
  PING: "--c9", STATS: "--c9", FLUSH: "--c9", AUTH: "--c9", unknown: "--c9",
};
const commandOrder = Object.keys(commandColors);
const color = (name) => `var(${name})`;
const commandColor = (name) => color(commandColors[name] ?? "--c9");
const $ = (id) => document.getElementById(id);
/** set leaves alone what stays the same, so that nothing is read out twice. */
const set = (id, text) => { if ($(id).textContent !== text) $(id).textContent = text; };

const charts = {
  ops: new TimeChart($("c-ops"), { span, series: [], stacked: true, format: count, least: 10, empty: "No requests in the last three minutes", unit: "/s" }),
  lat: new TimeChart($("c-lat"), {
    span, logarithmic: true, format: time, empty: "No requests in the last three minutes",
    series: [
      { name: "p99.9", color: color("--c3"), value: (p) => p.p999 },
      { name: "p99", color: color("--c4"), value: (p) => p.p99 },
      { name: "p50", color: color("--c1"), value: (p) => p.p50 },
    ],
  }),
  hit: new TimeChart($("c-hit"), {
    span, ceiling: 1, format: percent, empty: "No reads in the last three minutes",
    series: [{ name: "hit ratio", color: color("--c2"), value: (p) => p.hitRatio }],
  }),
  conn: new TimeChart($("c-conn"), {
    span, format: count, least: 4, empty: "No connections",
    series: [{ name: "open", color: color("--c7"), value: (p) => p.connections }],
  }),
  gone: new TimeChart($("c-gone"), {
    span, format: count, least: 4, empty: "Nothing removed in the last three minutes", unit: "/s",
    series: [
      { name: "deleted", color: color("--c9"), value: (p) => p.deleted },
      { name: "expired", color: color("--c2"), value: (p) => p.expired },
      { name: "evicted", color: color("--c3"), value: (p) => p.evicted },
    ],
  }),
};

let samples = [];
let paused = false;

function draw() {
  const s = samples.at(-1);
  if (!s || paused) return;
  const points = derive(samples);
  const p = points.at(-1);
  for (const chart of Object.values(charts)) chart.marks = restarts(samples);
  about(s);
  tiles(s, p, points);
  requests(points, p);
  memory(s);
  latency(points, p);
  charts.hit.update(points);
  legend($("l-hit"), [["hits", null, p && count(p.hits) + "/s"], ["misses", null, p && count(p.misses) + "/s"]]);
  connections(s, p, points);
  ttl(s.cache.ttl);
  charts.gone.update(points);
  legend($("l-gone"), charts.gone.options.series.map((x) => [x.name, x.color, p && count(x.value(p)) + "/s"]));
  work(s, p);
  records($("x-slow"), s.server.slowest, "took_ns");
  records($("x-large"), s.server.largest, "largest");
  statuses(s.server.requests ?? []);
  identities(s.identities ?? []);
  document.documentElement.dataset.samples = samples.length;
}

function about(s) {
  set("addr", (s.about.addr ?? []).join("  ") || nothing);
  set("version", s.about.version);
  set("uptime", "up " + age((Date.parse(s.about.now) - Date.parse(s.about.started)) * 1e6));
  document.title = `${count(derive(samples.slice(-2))[0]?.ops)}/s · cryptomem`;
}

function tiles(s, p, points) {
  const tile = (name, value, note, picture, tone, alarm) => {
    set("t-" + name, value);
    phrases($(`t-${name}-note`), note);
    $(`t-${name}-note`).classList.toggle("alarm", Boolean(alarm));
    spark($("s-" + name), points, picture, color(tone));
  };
  const ratio = s.cache.hits + s.cache.misses > 0 ? s.cache.hits / (s.cache.hits + s.cache.misses) : null;
  tile("ops", count(p?.ops), p?.errors > 0 ? [`${count(p.errors)}/s end in an error`] : [`in ${bytes(p?.received)}/s,`, `out ${bytes(p?.sent)}/s`], (x) => x.ops, "--c1", p?.errors > 0);
  tile("hit", percent(p?.hitRatio), ["since start", percent(ratio)], (x) => x.hitRatio, "--c2");
  tile("p99", time(p?.p99), p?.p99 ? [`p50 ${time(p.p50)}`] : ["no requests"], (x) => x.p99, "--c4");
  const full = s.cache.memory.total / s.cache.max_memory;
  tile("mem", bytes(s.cache.memory.total), [percent(full), `of ${bytes(s.cache.max_memory)}`], (x) => x.memory, "--c2", s.cache.refused > 0 && full > 0.95);
  tile("items", count(s.cache.items), [s.cache.items > 0 ? bytes(s.cache.bytes / s.cache.items) + " each" : "no items"], (x) => x.items, "--c6");
  tile("conn", count(s.server.connections), [`of ${count(s.server.max_connections)} allowed`], (x) => x.connections, "--c7", s.server.connections > 0.9 * s.server.max_connections);
}

/** phrases writes parts that break between each other and not within. */
function phrases(element, parts) {
  const spans = parts.map((text) => html("span", "", text + " "));
  if (element.textContent !== spans.map((x) => x.textContent).join("")) element.replaceChildren(...spans);
}

function requests(points, p) {
  const names = commandOrder.filter((name) => points.some((x) => x.commands[name] > 0));
  charts.ops.update(points, names.map((name) => ({ name, color: commandColor(name), value: (x) => x.commands[name] ?? 0 })));
  legend($("l-ops"), names.map((name) => [name, commandColor(name), count(p?.commands[name] ?? 0) + "/s"]));
}

function latency(points, p) {
  charts.lat.update(points);
  legend($("l-lat"), [...charts.lat.options.series].reverse().map((s) => [s.name, s.color, time(p && s.value(p))]));
}

function legend(element, rows) {
  element.replaceChildren(...rows.map(([name, tone, value]) => {
    const item = html("li");
    if (tone) item.append(swatch(tone.startsWith("--") ? color(tone) : tone));
    item.append(name, html("b", "", value ?? nothing));
    return item;
  }));
}

function figures(element, rows) {
  element.replaceChildren(...rows.map(([name, value, tone, alarm]) => {
    const row = html("div"), label = html("dt"), figure = html("dd", alarm ? "alarm" : "", value);
    if (tone) label.append(tone === "idle" ? html("span", "swatch idle") : swatch(color(tone)));
    label.append(name);
    row.append(label, figure);
    return row;
  }));
}

function memory(s) {
  const m = s.cache.memory, limit = s.cache.max_memory;
  const kinds = [["items", m.records, "--c2"], ["large values", m.large, "--c1"], ["index", m.index, "--c4"], ["kept for reuse", m.free, "idle"]];
  $("b-mem").replaceChildren(...kinds.filter(([, n]) => n > 0).map(([name, n, tone]) => {
    const part = html("span", tone === "idle" ? "idle" : "");
    part.style.width = `${(100 * n) / limit}%`;
    if (tone !== "idle") part.style.setProperty("--swatch", color(tone));
    part.title = `${name}: ${bytes(n)}`;
    return part;
  }));
  $("b-mem").setAttribute("aria-label", kinds.map(([name, n]) => `${name} ${bytes(n)}`).join(", ") + ` of ${bytes(limit)}`);
  set("mem-limit", bytes(limit));
  figures($("d-mem"), [
    ...kinds.map(([name, n, tone]) => [name, bytes(n), tone]),
    ["left", bytes(Math.max(0, limit - m.total))],
    ["process in RAM", s.process.resident ? bytes(s.process.resident) : nothing],
  ]);
}

function connections(s, p, points) {
  charts.conn.update(points);
  const c = s.server, late = c.frame_timeouts + c.write_timeouts + c.auth_timeouts;
  figures($("d-conn"), [
    ["new", count(p?.accepted) + "/s"],
    ["refused: limit reached", count(c.refused), null, c.refused > 0],
    ["closed: idle timeout", count(c.idle_timeouts)],
    ["closed: too slow", count(late), null, late > 0],
    ["protocol errors", count(c.framing_errors)],
    ...(c.failed_handshakes ? [["failed TLS handshakes", count(c.failed_handshakes), null, true]] : []),
  ]);
}

function ttl(counts) {
  const labels = ["due", "1 s", "10 s", "1 m", "10 m", "1 h", "6 h", "1 d", "7 d", ">7 d", "never"];
  const most = Math.max(1, ...counts);
  $("e-ttl").hidden = counts.some((n) => n > 0);
  $("c-ttl").replaceChildren(...counts.map((n, i) => {
    const column = html("div", (i === counts.length - 1 ? "never" : "") + (n === 0 ? " zero" : ""));
    const stick = html("i");
    stick.style.height = `calc((100% - 42px) * ${n / most})`;
    column.append(html("b", "", brief(n)), stick, html("span", "", labels[i] ?? ""));
    column.title = `${labels[i]}: ${n.toLocaleString("en")} items`;
    return column;
  }));
  $("c-ttl").setAttribute("aria-label", counts.map((n, i) => `${labels[i]}: ${count(n)}`).join(", "));
}

function work(s, p) {
  const rows = [
    ["stored", count(p?.stored) + "/s"],
    ["copied by compaction and eviction", bytes(p?.moved) + "/s"],
    ["writes refused, store full", count(s.cache.refused), null, s.cache.refused > 0],
    ["memory of requests in flight", bytes(s.server.in_flight_bytes)],
    ["CPU", p ? percent(p.cpu) + " of one core" : nothing],
    ["goroutines", count(s.process.goroutines)],
  ];
  const snap = s.snapshot;
  if (snap) {
    const ago = snap.saved ? age((Date.parse(s.about.now) - Date.parse(snap.saved)) * 1e6) + " ago, " + bytes(snap.bytes) : "none yet";
    rows.push(["snapshot", snap.error ? "failed: " + snap.error : ago, null, Boolean(snap.error)]);
  }
  figures($("d-work"), rows);
}

function table(element, head, rows) {
  const line = (cells, name) => {
    const tr = html("tr");
    for (const c of cells) {
      const cell = html(name, c.className ?? "");
      cell.append(c.node ?? c.text ?? c);
      if (c.span) cell.colSpan = c.span;
      tr.append(cell);
    }
    return tr;
  };
  const thead = html("thead"), tbody = html("tbody");
  thead.append(line(head, "th"));
  tbody.append(...rows.map((r) => line(r, "td")));
  element.replaceChildren(thead, tbody);
}

function command(name) {
  const cell = html("span");
  cell.append(swatch(commandColor(name)), name);
  return { node: cell, className: "left" };
}

function records(element, list, by) {
  const keys = (list ?? []).some((r) => r.key);
  const column = (name) => (name === by ? "strong" : "spare"); // what a narrow window can do without
  const head = [
    { text: "command", className: "left" }, ...(keys ? [{ text: "key", className: "left" }] : []),
    { text: "in one batch", className: "spare" }, { text: "largest", className: column("largest") },
    { text: "took", className: column("took_ns") }, "ago",
  ];
  const rows = (list ?? []).slice(0, 8).map((r) => [
    command(r.command),
    ...(keys ? [{ node: html("code", "", r.key), className: "left" }] : []),
    { text: count(r.requests), className: "spare" },
    { text: bytes(r.largest), className: column("largest") },
    { text: time(r.took_ns), className: column("took_ns") },
    Math.round(r.ago_ns / 1e9) + " s",
  ]);
  if (rows.length === 0) rows.push([{ text: "No recent requests", className: "none", span: head.length }]);
  table(element, head, rows);
}

function statuses(list) {
  const statuses = ["ok", "not_found", "exists", "error", "denied", "busy"].filter((x) => x === "ok" || list.some((r) => r.status === x));
  const names = commandOrder.filter((name) => list.some((r) => r.command === name));
  const rows = names.map((name) => [command(name), ...statuses.map((status) => {
    const n = list.find((r) => r.command === name && r.status === status)?.count ?? 0;
    return { text: n ? count(n) : nothing, className: n === 0 ? "nil" : ["error", "denied", "busy"].includes(status) ? "alarm" : "" };
  })]);
  if (rows.length === 0) rows.push([{ text: "No requests yet", className: "none", span: 2 }]);
  table($("x-status"), [{ text: "command", className: "left" }, ...statuses.map((x) => x.replace("_", " "))], rows);
}

function identities(uses) {
  $("identities").hidden = uses.length === 0;
  const bad = (n) => (n ? "alarm" : "nil");
  const head = [
    { text: "identity", className: "left" }, { text: "connections", className: "spare" }, "requests", "denied",
    "memory", { text: "limit", className: "spare" }, { text: "refused, full", className: "spare" },
  ];
  table($("x-who"), head, uses.map((u) => [
    { text: u.others ? count(u.others) + " others" : u.identity, className: "left" }, { text: count(u.connections), className: "spare" }, count(u.requests), { text: count(u.denied), className: bad(u.denied) },
    bytes(u.memory), { text: u.max_memory ? bytes(u.max_memory) : u.others ? nothing : "no limit", className: u.max_memory ? "spare" : "spare nil" },
    { text: count(u.memory_refused), className: "spare " + bad(u.memory_refused) },
  ]));
}

function settled() {
  state(paused ? "paused" : "live", paused ? "paused" : "live");
}

function state(name, text) {
  document.documentElement.dataset.state = name;
  set("live", text);
}

/** remember joins what the page has seen, of a server before a restart too, and
 * what the server remembers. */
function remember(history) {
  if (history.length === 0) return;
  const begin = Date.parse(history[0].about.now);
  samples = [...samples.filter((x) => Date.parse(x.about.now) < begin), ...history];
}

function show(s) {
  if (samples.at(-1)?.about.now === s.about.now) samples.pop();
  samples.push(s);
  const begin = Date.parse(s.about.now) - span;
  samples = samples.filter((x) => Date.parse(x.about.now) >= begin);
  draw();
}

const known = JSON.parse($("known").textContent); // when the page was made
remember(known.history);
show(known.latest);

listen({
  history: remember,
  lost: () => state("lost", "no connection, trying again"),
  sample: (s) => {
    show(s);
    settled();
  },
});

$("pause").addEventListener("click", () => {
  paused = !paused;
  $("pause").setAttribute("aria-pressed", paused);
  set("pause", paused ? "Resume" : "Pause");
  settled();
  draw();
});

const themes = { auto: "Theme: auto", light: "Theme: light", dark: "Theme: dark" };
function theme(name) {
  document.documentElement.dataset.theme = name;
  set("theme", themes[name]);
}
$("theme").addEventListener("click", () => {
  const names = Object.keys(themes);
  const next = names[(names.indexOf(document.documentElement.dataset.theme) + 1) % names.length];
  localStorage.setItem("theme", next);
  theme(next);
});
theme(localStorage.getItem("theme") in themes ? localStorage.getItem("theme") : "auto");
