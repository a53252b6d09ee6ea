// The live floor: one picture a second by event stream, taken over without a jump. The server says every word.

import { Heard } from "./stale.js";
import { follow } from "./take.js";

const FIGURES_MS = 15_000;

const floor = document.getElementById("floor");
const heard = new Heard(5000);
const SVG = "http://www.w3.org/2000/svg";

const says = (node, text) => { if (node && node.textContent !== text) node.textContent = text; };
const bySelector = (selector, key) => new Map([...document.querySelectorAll(selector)].map((n) => [n.dataset[key], n]));

const shapes = bySelector(".zone[data-shape]", "shape");
const labels = bySelector(".labels", "zone");
const rows = bySelector("[data-says]", "says");
const whys = bySelector("[data-why]", "why");
const gateways = bySelector(".gateway[data-gateway]", "gateway");
const dotsBox = document.getElementById("dots");
const dots = bySelector(".dot[data-dot]", "dot");
for (const dot of dots.values()) {
  const [x, y] = dot.getAttribute("transform").match(/[\d.]+/g);
  dot.removeAttribute("transform");
  dot.style.transform = `translate(${x}px, ${y}px)`;
}

const showZones = (all) => {
  for (const { id, text, shade, why } of all) {
    const shape = shapes.get(id);
    const label = labels.get(id);
    if (!shape || !label) continue;
    shape.dataset.shade = shade;
    for (const part of [shape, label]) part.toggleAttribute("data-unknown", why !== "");
    says(shape.querySelector("title"), why);
    says(label.querySelector(".says"), text);
    says(rows.get(id), text);
    says(whys.get(id), why);
  }
};

const showGateways = (all) => {
  for (const { id, state, text } of all) {
    const gateway = gateways.get(id);
    if (!gateway) continue;
    gateway.dataset.state = state;
    says(gateway.querySelector("title"), text);
    says(gateway.querySelector("text"), text);
  }
};

const circle = (className, r) => {
  const made = document.createElementNS(SVG, "circle");
  if (className) made.setAttribute("class", className);
  made.setAttribute("r", r);
  return made;
};

const newDot = (id) => {
  const dot = document.createElementNS(SVG, "g");
  dot.setAttribute("class", "dot new");
  dot.append(circle("halo", 0), circle("", 6));
  dot.dataset.dot = id;
  dotsBox.append(dot);
  requestAnimationFrame(() => requestAnimationFrame(() => dot.classList.remove("new")));
  return dot;
};

// Only what moved is touched, and only its transform: the compositor does the rest, also with five hundred of them.
const showDots = (all) => {
  if (!dotsBox || !all) return;
  const there = new Set();
  for (const [number, x, y, pushed, wide] of all) {
    const id = String(number);
    there.add(id);
    const dot = dots.get(id) ?? newDot(id);
    dots.set(id, dot);
    const where = `translate(${x}px, ${y}px)`;
    if (dot.style.transform !== where) dot.style.transform = where;
    const halo = dot.firstElementChild;
    if (halo.getAttribute("r") !== String(wide)) halo.setAttribute("r", wide);
    dot.classList.toggle("pushed", pushed);
  }
  for (const [id, dot] of dots) {
    if (there.has(id)) continue;
    dots.delete(id);
    dot.classList.add("gone");
    setTimeout(() => dot.remove(), 500);
  }
};

const element = (name, className, ...content) => {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...content);
  return made;
};

const newLine = ({ key, time, iso, tone, word, title, line }) => {
  const at = element("time", "", time);
  at.dateTime = iso;
  const pill = element("span", "pill", word);
  pill.dataset.tone = tone;
  const item = element("li", "fresh", at, element("div", "", element("p", "", pill, ` ${title}`), element("p", "quiet small", line)));
  item.dataset.key = key;
  return item;
};

const feed = document.getElementById("feed");
const showFeed = (all) => {
  const known = bySelector("#feed li", "key");
  all.forEach((one, n) => {
    const item = known.get(one.key) ?? newLine(one);
    known.delete(one.key);
    says(item.querySelector(".small"), one.line);
    if (feed.children[n] !== item) feed.insertBefore(item, feed.children[n] ?? null);
  });
  for (const gone of known.values()) gone.remove();
  document.getElementById("feed-empty").hidden = all.length > 0;
};

const show = (now) => {
  says(document.getElementById("clock"), now.clock);
  const members = document.querySelector("#members b");
  says(members, now.members);
  members.classList.toggle("words", now.few);
  showZones(now.zones);
  says(document.getElementById("elsewhere"), now.elsewhere);
  showGateways(now.gateways);
  showDots(now.dots);
  showFeed(now.feed);
  heard.now(now.trouble);
};

// The browser's own resuming gives up on an answer that is an error; this does not.
const listen = () => {
  const stream = new EventSource(floor.dataset.stream);
  stream.addEventListener("floor", ({ data }) => show(JSON.parse(data)));
  stream.addEventListener("plan", () => location.reload());
  stream.addEventListener("end", () => location.reload());
  stream.addEventListener("error", () => {
    if (stream.readyState !== EventSource.CLOSED) return;
    setTimeout(listen, 3000);
  });
};
listen();

// The day's figures are worked out with the page, and not each second.
follow("figures", FIGURES_MS);
