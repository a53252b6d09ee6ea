// Beside the plan: what is chosen, with its figures as fields; and everything there is, for whoever uses no pointer.

import { isPlaced } from "./plan-drawing.js";
import { lengthOf, outlineOf, reshaped } from "./plan-geometry.js";

const make = (name, attributes = {}, ...content) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...content);
  return made;
};

const field = (id, label, input, hint) =>
  make("div", { class: "field" }, make("label", { for: id }, label), input, ...(hint ? [make("p", { class: "hint", id: `h-${id}` }, hint)] : []));

const number = (name, value) => make("input", { id: `p-${name}`, name, type: "number", step: "0.01", value: String(value) });

const TITLES = { zone: "Zone", wall: "Wall", gateway: "Gateway", fixture: "Fixture" };
let shownFor = null;

const corners = (value) => outlineOf(value).map(([x, y]) => `${x}, ${y}`).join("\n");
const points = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean).map((line) => line.split(/[,;\s]+/).map(Number));

const read = (form, { kind, value }) => {
  if (kind === "wall") return reshaped(value, points(form.elements.corners.value).slice(0, 2));
  const name = form.elements.name.value.trim();
  if (kind !== "zone") {
    const places = ["x_m", "y_m", "z_m"].filter((one) => form.elements[one]);
    return { ...value, name, ...Object.fromEntries(places.map((one) => [one, Number(form.elements[one].value)])) };
  }
  return { ...value, name, polygon_m: points(form.elements.corners.value) };
};

const figures = ({ kind, value }) => {
  if (kind === "zone" || kind === "wall") {
    const [rows, title, hint] = kind === "zone" ? [6, "Corners", "one corner a line"] : [2, "Ends", "one end a line"];
    const text = make("textarea", { id: "p-corners", name: "corners", class: "code", rows, "aria-describedby": "h-p-corners" }, corners(value));
    return [field("p-corners", title, text, `Metres from the left and from the top, ${hint}.`)];
  }
  const names = { x_m: "From the left, m", y_m: "From the top, m", ...(kind === "gateway" ? { z_m: "Height, m" } : {}) };
  return [make("div", { class: "fields two" }, ...Object.entries(names).map(([name, label]) => field(`p-${name}`, label, number(name, value[name]))))];
};

const chosen = (key, item, acts) => {
  const form = make(
    "form",
    { class: "fields", onsubmit: (event) => { event.preventDefault(); acts.change(key, read(form, item)); } },
    ...(item.kind === "wall" ? [] : [field("p-name", "Name", make("input", { id: "p-name", name: "name", value: item.value.name, maxlength: 200 }))]),
    ...figures(item),
    make(
      "div",
      { class: "row" },
      make("button", { class: "main" }, "Save"),
      ...(["zone", "wall"].includes(item.kind) ? [make("button", { type: "button", class: "danger", onclick: () => acts.remove(key) }, `Remove this ${item.kind}`)] : []),
      ...(item.kind === "gateway" ? [make("a", { class: "button", href: `/console/gateways/${item.value.id}` }, "About it")] : []),
    ),
  );
  return [make("h2", {}, `${TITLES[item.kind]} `, make("span", { class: "quiet" }, item.value.id)), form];
};

const line = (key, { value }, state, act, words) =>
  make("li", {}, make("button", { type: "button", "aria-current": state.selected === key, onclick: act }, value.name || value.id, make("span", { class: "quiet" }, words)));

const list = (title, all, state, each) =>
  all.length ? [make("h3", {}, `${title} (${all.length})`), make("ul", { class: "things" }, ...all.map(([key, item]) => each(key, item)))] : [];

const lists = (plan, state, acts) => {
  const all = [...plan.items].filter(([, item]) => !item.gone);
  const drawn = ({ kind, value }) => (kind === "zone" ? value.polygon_m.length > 2 : isPlaced(value));
  const waiting = all.filter(([, item]) => ["gateway", "fixture"].includes(item.kind) && !drawn(item));
  const wall = (key, item) => line(key, { value: { id: `Wall ${item.value.id}` } }, state, () => acts.choose(key, true), `${lengthOf(item.value.ends).toFixed(1)} m`);
  const pick = (key, item) => line(key, item, state, () => acts.choose(key, true), item.value.name ? item.value.id : "");
  return [
    ...list("Not on the plan yet", waiting, state, (key, item) => line(key, item, state, () => acts.place(key), `Place this ${item.kind}`)),
    ...list("Zones", all.filter(([, item]) => item.kind === "zone"), state, pick),
    ...list("Gateways", all.filter(([, item]) => item.kind === "gateway" && drawn(item)), state, pick),
    ...list("Fixtures", all.filter(([, item]) => item.kind === "fixture" && drawn(item)), state, pick),
    ...list("Walls", all.filter(([, item]) => item.kind === "wall"), state, wall),
  ];
};

export const showPanel = (plan, state, acts) => {
  if (state.drag) return;
  const item = state.selected && plan.items.get(state.selected);
  const box = document.getElementById("chosen");
  const now = item ? `${state.selected} ${JSON.stringify(item.value)}` : "";
  if (now !== shownFor) {
    shownFor = now;
    box.hidden = !item;
    box.replaceChildren(...(item && !item.gone ? chosen(state.selected, item, acts) : []));
  }
  const focused = document.activeElement?.closest?.("#things") ? document.activeElement.textContent : null;
  const things = document.getElementById("things");
  things.replaceChildren(...lists(plan, state, acts));
  if (focused) [...things.querySelectorAll("button")].find((button) => button.textContent === focused)?.focus();
};
