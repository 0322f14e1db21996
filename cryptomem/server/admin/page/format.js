// Figures as people read them.

export const nothing = "–";

/** count writes a number with at most four digits: 9,876, 12.3k, 4.56M. */
export function count(n) {
  if (n == null || !isFinite(n)) return nothing;
  if (n < 10 && n % 1) return n.toFixed(1);
  if (n < 9999.5) return Math.round(n).toLocaleString("en");
  for (const unit of ["k", "M", "G"]) {
    n /= 1000;
    if (n < 999.5) return digits(n) + unit;
  }
  return digits(n / 1000) + "T";
}

/** brief writes a number of things where there is little room: 987, 12k, 4.6M. */
export function brief(n) {
  if (n < 999.5) return String(Math.round(n));
  for (const unit of ["k", "M", "G"]) {
    n /= 1000;
    if (n < 9.95) return n.toFixed(1) + unit;
    if (n < 999.5) return Math.round(n) + unit;
  }
  return Math.round(n / 1000) + "T";
}

/** short leaves out what a label of an axis can do without: 20.0k is 20k. */
export function short(text) {
  return text.replace(/(\.\d*?)0+(?!\d)/, "$1").replace(/\.(?!\d)/, "");
}

/** bytes writes a size in binary units, as the configuration does. */
export function bytes(n) {
  if (n == null || !isFinite(n)) return nothing;
  if (n < 1024) return Math.round(n) + " B";
  for (const unit of ["KiB", "MiB", "GiB"]) {
    n /= 1024;
    if (n < 999.5) return digits(n) + " " + unit;
  }
  return digits(n / 1024) + " TiB";
}

/** time writes a duration given in nanoseconds. */
export function time(ns) {
  if (ns == null || !isFinite(ns)) return nothing;
  if (ns < 1e3) return Math.round(ns) + " ns";
  if (ns < 999.5e3) return digits(ns / 1e3) + " µs";
  if (ns < 999.5e6) return digits(ns / 1e6) + " ms";
  return age(ns);
}

/** age writes a duration from seconds on, in nanoseconds, with two units. */
export function age(ns) {
  const s = ns / 1e9;
  if (s < 10) return s.toFixed(1) + " s";
  if (s < 60) return Math.round(s) + " s";
  if (s < 3600) return `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor(s / 3600) % 24} h`;
}

/** percent writes a part of one; only all of it is 100%. */
export function percent(part) {
  if (part == null || !isFinite(part)) return nothing;
  if (part < 1 && part >= 0.9995) return "99.9%";
  return (100 * part).toFixed(part === 0 || part === 1 ? 0 : 1) + "%";
}

function digits(n) {
  return n < 9.995 ? n.toFixed(2) : n < 99.95 ? n.toFixed(1) : Math.round(n).toString();
}
