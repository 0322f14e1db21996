// Posts what the page looks like to the spec, which answers with the id of an
// element to click, with an id and a key to press there, or with nothing.
const problems = [];
addEventListener("error", (e) => problems.push(e.message ?? `cannot load ${e.target.src ?? e.target.href}`), true);
addEventListener("unhandledrejection", (e) => problems.push(String(e.reason)));
addEventListener("securitypolicyviolation", (e) => problems.push(`refused by the policy: ${e.blockedURI} ${e.violatedDirective}`));

/** words is the text as it reads, one space between the parts. */
function words(element) {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const parts = [];
  while (walker.nextNode()) parts.push(walker.currentNode.nodeValue.trim());
  return parts.filter(Boolean).join(" ");
}

// How far what is already there was moved about, as Chromium reckons it.
let shift = 0;
new PerformanceObserver((list) => { for (const e of list.getEntries()) shift += e.value; }).observe({ type: "layout-shift", buffered: true });

const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

/** pixel is a colour, whatever it is written like, laid over another one. */
function pixel(color, under) {
  canvas.fillStyle = `rgb(${under.join(" ")})`;
  canvas.fillRect(0, 0, 1, 1);
  canvas.fillStyle = color;
  canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data.slice(0, 3)];
}

/** luminance and contrast are those of WCAG 2. */
function luminance(rgb) {
  const [r, g, b] = rgb.map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(element) {
  const over = [];
  for (let e = element; e; e = e.parentElement) over.unshift(getComputedStyle(e).backgroundColor);
  const back = over.reduce((under, color) => pixel(color, under), [255, 255, 255]);
  const style = getComputedStyle(element);
  const ink = pixel(element instanceof SVGElement ? style.fill : style.color, back);
  const [high, low] = [luminance(ink), luminance(back)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}

/** faint lists text that is hard to read, cut lists text that does not fit. */
function faint() {
  const seen = new Map();
  for (const e of document.querySelectorAll("body *")) {
    const text = [...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.nodeValue.trim());
    if (!text || !e.checkVisibility({ visibilityProperty: true })) continue;
    const c = contrast(e);
    if (c < 4.5) seen.set(`${e.closest("[id]")?.id}: ${e.textContent.trim().slice(0, 20)}`, c.toFixed(2));
  }
  return [...seen].map(([what, c]) => `${what} ${c}`);
}

function cut() {
  return [...document.querySelectorAll(".tiles p, .tiles small, .legend li, h2, dt, dd")]
    .filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.textContent);
}

async function look() {
  const root = document.documentElement;
  const seen = {
    State: root.dataset.state ?? "",
    Text: Object.fromEntries([...document.querySelectorAll("[id]")].map((e) => [e.id, words(e)])),
    Paths: Object.fromEntries([...document.querySelectorAll(".chart")].map((e) => [e.id, e.querySelectorAll("path").length])),
    Problems: problems,
    Background: document.body ? getComputedStyle(document.body).backgroundColor : "",
    Overflow: root.scrollWidth - root.clientWidth,
    Width: innerWidth,
    Shift: shift,
    Faint: faint(),
    Cut: cut(),
  };
  const answer = await fetch("probe", { method: "POST", body: JSON.stringify(seen) });
  const [id, key] = (await answer.text()).split(" ");
  if (key) document.getElementById(id).dispatchEvent(new KeyboardEvent("keydown", { key }));
  else if (id) document.getElementById(id).click();
  setTimeout(look, 30);
}
addEventListener("load", look);
