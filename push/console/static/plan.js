// The floor-plan editor: draw zones and walls, place gateways and fixtures; with a pointer, or with keys alone.

import { bounds, contains, crossesItself, lengthOf, meant, moved, outlineOf, rectangle, reshaped, snapped } from "./plan-geometry.js";
import { Drawing } from "./plan-drawing.js";
import { onFloor } from "./plan-floor.js";
import { showPanel } from "./plan-panel.js";
import { Plan } from "./plan-store.js";

const given = JSON.parse(document.getElementById("plan-data").textContent);
const svg = document.getElementById("editor");
const step = document.getElementById("step");
const said = document.getElementById("said");
const REACH = 12;
const LEAST_WALL_M = 0.1;

const state = { mode: "choose", selected: null, draft: null, drag: null, wrong: false };

const say = (text) => {
  const toast = document.createElement("div");
  toast.className = "toast";
  const words = document.createElement("span");
  words.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "Close";
  close.addEventListener("click", () => toast.remove());
  toast.append(words, close);
  said.replaceChildren(toast);
};

const drawing = new Drawing(svg, given.plan);
const plan = new Plan(given, () => show(), say);
drawing.picture(given.plan.image);

const grid = () => Number(step.value);
const item = (key) => plan.items.get(key);
const here = (event) => {
  const [x, y] = drawing.at(event);
  const { width_m, height_m } = drawing.size;
  return [Math.min(Math.max(x, 0), width_m), Math.min(Math.max(y, 0), height_m)];
};
const corners = (except) =>
  [...plan.items]
    .filter(([key, { kind, gone }]) => key !== except && !gone && (kind === "zone" || kind === "wall"))
    .flatMap(([, { value }]) => outlineOf(value));
const exact = (event, except) => meant(here(event), corners(except), grid(), REACH / drawing.scale);
const zoneAt = (point) => plan.zones().find(({ value }) => contains(value.polygon_m, point))?.value.id ?? null;

const saved = () => {
  if (plan.waiting) return "Saving…";
  return plan.undoable.length ? "All changes are saved" : "";
};

function show() {
  svg.dataset.mode = state.mode;
  if (drawing.size.width_m !== plan.size.width_m || drawing.size.height_m !== plan.size.height_m) {
    drawing.resize(plan.size);
    drawing.picture(given.plan.image);
  }
  drawing.show(plan, state);
  for (const button of document.querySelectorAll("[data-mode-of]")) button.setAttribute("aria-pressed", button.dataset.modeOf === state.mode);
  document.getElementById("undo").disabled = !plan.undoable.length;
  document.getElementById("redo").disabled = !plan.redoable.length;
  document.getElementById("saved").textContent = saved();
  showPanel(plan, state, { choose, place, change: (key, value) => plan.change(key, value), remove });
}

function choose(key, focus = false) {
  state.selected = key;
  show();
  if (focus) svg.querySelector(`[data-focus="${CSS.escape(key)}"]`)?.focus();
}

function setMode(mode) {
  Object.assign(state, { mode, draft: null, wrong: false });
  if (mode !== "choose") state.selected = null;
  show();
}

// What hangs in a zone stays where it hangs when the zone goes.
function remove(key) {
  state.selected = null;
  if (item(key).kind === "wall") return plan.change(key, null);
  const zone = item(key).value.id;
  for (const [one, { kind, value }] of plan.items) if (kind !== "zone" && value.zone === zone) plan.change(one, { ...value, zone: null });
  return plan.change(key, null);
}

// Places a thing where its zone is, else in the middle; from there it is moved.
function place(key) {
  const { value } = item(key);
  const zone = plan.zones().find((one) => one.value.id === value.zone);
  const box = zone ? bounds(zone.value.polygon_m) : { left: 0, right: drawing.size.width_m, top: 0, bottom: drawing.size.height_m };
  put(key, [snapped((box.left + box.right) / 2, 0.1), snapped((box.top + box.bottom) / 2, 0.1)]);
  choose(key, true);
}

// Its zone is the one that it hangs in; one that nobody has drawn stays until then.
function put(key, [x_m, y_m]) {
  const { value } = item(key);
  const isDrawn = plan.zones().some((zone) => zone.value.id === value.zone);
  plan.change(key, { ...value, x_m, y_m, zone: zoneAt([x_m, y_m]) ?? (isDrawn ? null : value.zone) });
}

// ---- a new zone: its outline, then its name ----

const dialog = document.getElementById("new-zone");

const finish = (outline) => {
  if (outline.length < 3 || crossesItself(outline)) {
    say(outline.length < 3 ? "A zone needs three corners at least." : "This outline crosses itself. Draw it without crossing a line.");
    return;
  }
  dialog.dataset.outline = JSON.stringify(outline);
  const name = dialog.querySelector("input");
  name.value = "";
  dialog.showModal();
  name.focus();
};

const idOf = (name) => {
  const plain = name.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
  const base = plain.replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 50) || "zone";
  for (let n = 1; ; n += 1) {
    const id = n === 1 ? base : `${base}-${n}`;
    if (!plan.items.has(`zone:${id}`)) return id;
  }
};

dialog.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = dialog.querySelector("input").value.trim();
  if (!name) return;
  const id = idOf(name);
  const polygon_m = JSON.parse(dialog.dataset.outline);
  dialog.close();
  setMode("choose");
  plan.change(`zone:${id}`, { store: plan.store.id, id, name, polygon_m });
  choose(`zone:${id}`, true);
});
dialog.querySelector("[data-no]").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => { state.draft = null; show(); });

const middle = () => {
  const { width_m, height_m } = drawing.size;
  const [w, h] = [Math.min(4, width_m / 2), Math.min(3, height_m / 2)];
  const [x, y] = [snapped((width_m - w) / 2, grid()), snapped((height_m - h) / 2, grid())];
  return rectangle([x, y], [x + w, y + h]);
};

// ---- a new wall ----

const idOfWall = () => {
  for (let n = 1; ; n += 1) if (!plan.items.has(`wall:${n}`)) return String(n);
};

// Walls stand on a floor of which somebody said how large it is. The key of the new one, where there is one.
const build = (ends) => {
  if (!plan.hasSize) return void say("Say first how large the floor is: walls stand on it.");
  if (lengthOf(ends) < LEAST_WALL_M) return undefined;
  const id = idOfWall();
  plan.change(`wall:${id}`, { id, ends });
  return `wall:${id}`;
};

// ---- the pointer ----

svg.addEventListener("pointerdown", (event) => {
  if (event.button || !given.may_edit) return;
  svg.setPointerCapture(event.pointerId);
  if (state.mode !== "choose") {
    state.drag = { start: exact(event) };
    return;
  }
  const handle = event.target.closest(".handle");
  const thing = event.target.closest("[data-key]");
  if (handle) state.drag = grabCorner(handle);
  else if (thing) {
    state.selected = thing.dataset.key;
    state.drag = { key: thing.dataset.key, from: here(event), before: item(thing.dataset.key).value };
  } else state.selected = null;
  show();
});

function grabCorner({ dataset }) {
  const before = item(state.selected).value;
  const points = outlineOf(before).map((point) => [...point]);
  let corner = Number(dataset.corner);
  if (dataset.between !== undefined) {
    corner = Number(dataset.between) + 1;
    const [a, b] = [points[corner - 1], points[corner % points.length]];
    points.splice(corner, 0, [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2]);
  }
  return { key: state.selected, before, corner, points };
}

svg.addEventListener("pointermove", (event) => {
  if (state.mode === "draw") return sketch(event);
  if (state.mode === "wall") return stretch(event);
  if (!state.drag) return;
  const held = item(state.drag.key);
  held.value = dragged(state.drag, event, held.kind);
  state.drag.moved = true;
  show();
});

function sketch(event) {
  const at = exact(event);
  const { drag, draft } = state;
  if (drag && Math.hypot(at[0] - drag.start[0], at[1] - drag.start[1]) * drawing.scale > REACH) {
    drag.rectangle = rectangle(drag.start, at);
    state.draft = { points: drag.rectangle, closed: true };
  } else if (draft?.corners) {
    state.draft = { ...draft, points: [...draft.corners, at], closed: draft.corners.length > 1 };
    state.wrong = crossesItself(state.draft.points);
  } else return;
  show();
}

function stretch(event) {
  if (!state.drag) return;
  state.draft = { points: [state.drag.start, exact(event)], closed: false };
  show();
}

function dragged({ key, before, from, corner, points }, event, kind) {
  if (corner !== undefined) return reshaped(before, points.map((point, n) => (n === corner ? exact(event, key) : point)));
  const [x, y] = here(event);
  if (kind !== "zone" && kind !== "wall") return { ...before, x_m: snapped(x, 0.1), y_m: snapped(y, 0.1) };
  const by = [snapped(x - from[0], grid()), snapped(y - from[1], grid())];
  return reshaped(before, within(moved(outlineOf(before), by)));
}

// Whole zones and walls stop at the edge of the plan.
function within(outline) {
  const { left, right, top, bottom } = bounds(outline);
  const { width_m, height_m } = drawing.size;
  return moved(outline, [Math.max(0, -left) - Math.max(0, right - width_m), Math.max(0, -top) - Math.max(0, bottom - height_m)]);
}

svg.addEventListener("pointerup", (event) => {
  const { drag } = state;
  state.drag = null;
  if (state.mode === "draw") return drag && corner(drag, event);
  if (state.mode === "wall") return drag && wall(drag, event);
  if (!drag?.moved) return;
  const held = item(drag.key);
  const after = held.value;
  held.value = drag.before;
  settle(drag.key, after);
});
svg.addEventListener("pointercancel", () => {
  if (state.drag?.before) item(state.drag.key).value = state.drag.before;
  state.drag = null;
  show();
});

function corner(drag, event) {
  if (drag.rectangle) return finish(drag.rectangle);
  const at = exact(event);
  const known = state.draft?.corners ?? [];
  const first = known[0];
  if (first && Math.hypot(first[0] - at[0], first[1] - at[1]) * drawing.scale < REACH) return finish(known);
  state.draft = { corners: [...known, at], points: [...known, at], closed: false };
  show();
}

function wall(drag, event) {
  state.draft = null;
  build([drag.start, exact(event)]);
  show();
}

// Takes over what a gesture made of a thing, unless it is no area any more.
function settle(key, value) {
  const { kind } = item(key);
  if (kind === "wall") return stand(key, value);
  if (kind !== "zone") return put(key, [value.x_m, value.y_m]);
  if (crossesItself(value.polygon_m)) {
    say("That would cross itself, so it was put back.");
    show();
    return undefined;
  }
  return plan.change(key, value);
}

function stand(key, value) {
  if (lengthOf(value.ends) >= LEAST_WALL_M) return plan.change(key, value);
  say("That would be no wall any more, so it was put back. Delete removes it.");
  return show();
}

// ---- the keys ----

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

svg.addEventListener("keydown", (event) => {
  const target = event.target.closest("[data-key], [data-corner]");
  if (!target || !given.may_edit) return;
  const key = target.dataset.key ?? state.selected;
  const by = ARROWS[event.key]?.map((way) => way * grid() * (event.shiftKey ? 10 : 1));
  if (by) nudge(key, target.dataset.corner, by);
  else if (event.key === "Enter" || event.key === " ") choose(key, true);
  else if (event.key === "Delete" || event.key === "Backspace") drop(key, target.dataset.corner);
  else return;
  event.preventDefault();
});

function nudge(key, corner_, by) {
  const { kind, value } = item(key);
  if (corner_ !== undefined) {
    const points = outlineOf(value).map(([x, y], n) => (n === Number(corner_) ? [snapped(x + by[0], 0.01), snapped(y + by[1], 0.01)] : [x, y]));
    settle(key, reshaped(value, points));
  } else if (kind === "zone" || kind === "wall") {
    settle(key, reshaped(value, within(moved(outlineOf(value), by)).map(([x, y]) => [snapped(x, 0.01), snapped(y, 0.01)])));
  } else settle(key, { ...value, x_m: snapped(value.x_m + by[0], 0.01), y_m: snapped(value.y_m + by[1], 0.01) });
}

function drop(key, corner_) {
  const { kind, value } = item(key);
  if (kind === "wall") remove(key);
  else if (corner_ !== undefined && value.polygon_m.length > 3) settle(key, { ...value, polygon_m: value.polygon_m.filter((_, n) => n !== Number(corner_)) });
  else if (kind === "zone" && corner_ === undefined) remove(key);
}

addEventListener("keydown", (event) => {
  if (event.target.closest("input, textarea, select, dialog")) return;
  if (event.key === "Escape") setMode("choose");
  else if (event.key === "Enter" && state.mode === "draw" && state.draft?.corners) finish(state.draft.corners);
  else if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    if (event.shiftKey) plan.redo();
    else plan.undo();
  }
});
addEventListener("beforeunload", (event) => { if (plan.waiting) event.preventDefault(); });

// ---- the tools ----

for (const button of document.querySelectorAll("[data-mode-of]")) button.addEventListener("click", () => setMode(button.dataset.modeOf));
document.getElementById("undo").addEventListener("click", () => plan.undo());
document.getElementById("redo").addEventListener("click", () => plan.redo());
document.getElementById("rectangle")?.addEventListener("click", () => finish(middle()));
document.getElementById("wall")?.addEventListener("click", () => {
  const [from, to] = middle();
  const key = build([from, to]);
  setMode("choose");
  if (key) choose(key, true);
});

onFloor(plan, drawing, given.plan, say);
show();
document.documentElement.dataset.ready = "yes";
