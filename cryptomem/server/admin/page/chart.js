// Charts over time as SVG: lines, or areas stacked on each other.

import { nothing, short } from "./format.js";

const svgns = "http://www.w3.org/2000/svg";
const left = 50, right = 6, top = 8, bottom = 20;

/** Points further apart than this many milliseconds are not joined: nobody knows
 * what was in between. */
const gap = 5000;

export function svg(name, attributes = {}, text = "") {
  const e = document.createElementNS(svgns, name);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  e.textContent = text;
  return e;
}

export function html(name, className = "", text = "") {
  const e = document.createElement(name);
  if (className) e.className = className;
  e.textContent = text;
  return e;
}

export function swatch(color) {
  const s = html("span", "swatch");
  s.style.setProperty("--swatch", color);
  return s;
}

export class TimeChart {
  /** options: span in ms; series [{name, color, value(point)}]; format, and a
   * unit after it; stacked; ceiling (a fixed top); logarithmic; least (the lowest
   * top); empty (what to say without data). */
  constructor(element, options) {
    this.element = element;
    this.options = options;
    this.points = [];
    this.marks = []; // moments at which the server began anew
    this.svg = svg("svg", { role: "img" });
    this.empty = html("p", "empty", options.empty ?? "");
    this.tip = html("div", "tip");
    this.tip.setAttribute("role", "status");
    this.tip.hidden = true;
    this.empty.hidden = true;
    element.append(this.svg, this.empty, this.tip);
    this.at = null; // what is pointed at: a place on the axis, in pixels
    element.addEventListener("pointermove", (e) => { this.point(e.clientX - element.getBoundingClientRect().left); });
    element.addEventListener("pointerleave", () => this.point(null));
    element.addEventListener("blur", () => this.point(null));
    element.addEventListener("keydown", (e) => this.key(e));
    new ResizeObserver(() => this.draw()).observe(element);
  }

  update(points, series = this.options.series) {
    this.points = points;
    this.options.series = series;
    this.draw();
  }

  draw() {
    const { width, height } = this.element.getBoundingClientRect();
    if (width === 0) return;
    const { series, stacked, span } = this.options;
    const now = this.points.at(-1)?.at ?? Date.now();
    this.x = (at) => width - right - ((now - at) / span) * (width - left - right);
    const tops = this.points.map((p) => {
      const values = series.map((s) => s.value(p) ?? 0);
      return stacked ? values.reduce((a, b) => a + b, 0) : Math.max(0, ...values);
    });
    const highest = Math.max(0, ...tops);
    this.empty.hidden = highest > 0 || this.points.length === 0;
    const scale = this.options.logarithmic ? this.logarithmic(highest) : linear(highest, this.options);
    const y = (v) => top + (1 - scale.part(v)) * (height - top - bottom);
    this.svg.replaceChildren();
    this.axes(scale, y, now, highest > 0, width, height);
    for (const run of runs(this.points)) this.curves(run, y);
    for (const at of this.marks) {
      const x = this.x(at);
      if (x < left) continue;
      this.svg.append(svg("line", { class: "mark", x1: x, x2: x, y1: top, y2: height - bottom }));
      this.svg.append(svg("text", { class: "axis", x: x - 4, y: top + 9, "text-anchor": "end" }, "restart"));
    }
    const last = this.points.at(-1);
    this.svg.setAttribute("aria-label", series.map((s) => `${s.name}: ${last ? this.figure(s, last) : nothing}`).join(", ") || this.options.empty);
    this.hover();
  }

  axes(scale, y, now, labelled, width, height) {
    const label = (x, y, anchor, text) => this.svg.append(svg("text", { class: "axis", x, y, "text-anchor": anchor }, text));
    for (const v of scale.ticks) {
      const at = Math.round(y(v)) + 0.5;
      this.svg.append(svg("line", { class: "rule", x1: left, x2: width - right, y1: at, y2: at }));
      if (labelled || v === 0) label(left - 8, at + 4, "end", short(this.options.format(v)));
    }
    for (let m = 0; m <= this.options.span; m += 60_000) {
      const first = m === this.options.span;
      const text = m === 0 ? "now" : `${m / 60_000} min${first ? " ago" : ""}`;
      label(this.x(now - m), height - 4, m === 0 ? "end" : first ? "start" : "middle", text);
    }
  }

  /** curves draws one run of points. */
  curves(points, y) {
    let floor = points.map(() => 0);
    for (const s of this.options.series) {
      const values = points.map((p, i) => { const v = s.value(p); return this.options.stacked ? floor[i] + (v ?? 0) : v; });
      const line = path(points, values, this.x, y);
      if (!line) continue;
      if (!this.options.stacked) {
        const stroke = svg("path", { d: line, fill: "none", "stroke-width": 2, "stroke-linejoin": "round", "stroke-linecap": "round" });
        stroke.style.stroke = s.color;
        this.svg.append(stroke);
        continue;
      }
      const back = [...points.keys()].reverse().map((i) => `L${this.x(points[i].at).toFixed(1)} ${y(floor[i]).toFixed(1)}`).join("");
      const area = svg("path", { d: line + back + "Z" });
      area.style.fill = s.color;
      area.style.fillOpacity = 0.85;
      this.svg.append(area);
      floor = values;
    }
  }

  figure(series, point) {
    const v = series.value(point);
    return this.options.format(v) + (v == null ? "" : this.options.unit ?? "");
  }

  /** point shows the figures of the moment at a place, or no more. */
  point(x) {
    this.at = x;
    this.hover();
  }

  /** key walks through the moments: arrows by one, page keys by ten. */
  key(e) {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity }[e.key];
    if (e.key === "Escape") this.point(null);
    if (step === undefined || this.points.length === 0) return;
    e.preventDefault();
    const last = this.points.length - 1;
    const here = this.at === null ? last + 1 : this.points.indexOf(this.nearest());
    this.point(this.x(this.points[Math.min(last, Math.max(0, here + step))].at));
  }

  nearest() {
    const off = (p) => Math.abs(this.x(p.at) - this.at);
    return this.points.reduce((best, p) => !best || off(p) < off(best) ? p : best, null);
  }

  /** hover draws what is pointed at. */
  hover() {
    const box = this.element.getBoundingClientRect();
    const nearest = this.at === null ? null : this.nearest();
    this.cursor?.remove();
    this.tip.hidden = !nearest;
    if (!nearest) return;
    const at = this.x(nearest.at);
    this.cursor = svg("line", { class: "cursor", x1: at, x2: at, y1: top, y2: box.height - bottom });
    this.svg.append(this.cursor);
    const list = html("ul");
    for (const s of [...this.options.series].reverse()) {
      const item = html("li");
      item.append(swatch(s.color), s.name, html("b", "", this.figure(s, nearest)));
      list.append(item);
    }
    this.tip.replaceChildren(html("p", "", new Date(nearest.at).toLocaleTimeString()), list);
    this.tip.style.left = at < box.width / 2 ? `${at + 12}px` : "auto";
    this.tip.style.right = at < box.width / 2 ? "auto" : `${box.width - at + 12}px`;
  }

  logarithmic(highest) {
    const low = 1e3;
    const decades = Math.max(2, Math.ceil(Math.log10(Math.max(highest, low * 10) / low)));
    const ticks = Array.from({ length: decades + 1 }, (_, i) => low * 10 ** i);
    return { ticks, part: (v) => Math.min(1, Math.max(0, Math.log10(Math.max(v, low) / low) / decades)) };
  }
}

/** linear chooses round ticks of the form 1, 2, 2.5 or 5 × 10^n, or × 2^n. */
function linear(highest, { ceiling, least = 1 }) {
  const most = ceiling ?? Math.max(highest * 1.08, least);
  const raw = most / 4;
  const magnitude = 10 ** Math.floor(Math.log10(raw));
  const step = ceiling ? ceiling / 4 : [1, 2, 2.5, 5, 10].map((f) => f * magnitude).find((s) => s >= raw);
  const end = step * Math.ceil(most / step - 1e-9);
  return { ticks: Array.from({ length: Math.round(end / step) + 1 }, (_, i) => i * step), part: (v) => Math.min(1, v / end) };
}

/** runs cuts points where too much time lies between two. */
function runs(points) {
  const all = [];
  for (const p of points) {
    const run = all.at(-1);
    if (run && p.at - run.at(-1).at <= gap) run.push(p);
    else all.push([p]);
  }
  return all;
}

/** path joins what is known and leaves gaps where nothing is. */
function path(points, values, x, y) {
  let d = "", pen = "M";
  points.forEach((p, i) => {
    if (values[i] == null) { pen = "M"; return; }
    d += `${pen}${x(p.at).toFixed(1)} ${y(values[i]).toFixed(1)}`;
    pen = "L";
  });
  return d;
}

/** spark draws the small picture at the foot of a tile. */
export function spark(element, points, value, color) {
  const { width, height } = element.getBoundingClientRect();
  const known = points.filter((p) => value(p) != null);
  element.replaceChildren();
  if (known.length < 2 || width === 0) return;
  element.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const values = known.map(value);
  const high = Math.max(...values), low = Math.min(...values, high * 0.5);
  const begin = known[0].at, end = known.at(-1).at;
  const x = (at) => ((at - begin) / (end - begin)) * width;
  const y = (v) => height - 2 - (high > low ? (v - low) / (high - low) : 0) * (height - 6);
  const line = known.map((p, i) => `${i ? "L" : "M"}${x(p.at).toFixed(1)} ${y(values[i]).toFixed(1)}`).join("");
  const area = svg("path", { d: `${line}L${width} ${height}L0 ${height}Z` });
  area.style.fill = color;
  area.style.fillOpacity = 0.13;
  const stroke = svg("path", { d: line, fill: "none", "stroke-width": 1.5 });
  stroke.style.stroke = color;
  element.append(area, stroke);
}
