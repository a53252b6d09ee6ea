// The plan as SVG: a thousand units wide, drawn anew from what stands on it whenever that changes.

import { bounds, lengthOf, outlineOf, sides } from "./plan-geometry.js";

const SVG = "http://www.w3.org/2000/svg";
export const WIDTH = 1000;

const shape = (name, attributes, ...content) => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(key, value);
  made.append(...content);
  return made;
};

const metres = (value) => `${value.toFixed(1)} m`;
const title = (value) => value.name || value.id;

export class Drawing {
  constructor(svg, size) {
    this.svg = svg;
    this.layers = Object.fromEntries(
      ["image", "grid", "zones", "walls", "places", "handles", "draft"].map((name) => [name, svg.appendChild(shape("g", { class: `layer ${name}` }))]),
    );
    this.resize(size);
  }

  resize({ width_m, height_m }) {
    this.size = { width_m, height_m };
    this.scale = WIDTH / width_m;
    this.svg.setAttribute("viewBox", `-20 -20 ${WIDTH + 40} ${height_m * this.scale + 40}`);
    const step = [1, 2, 5, 10, 20, 50, 100].find((metre) => metre * this.scale >= 32) ?? 200;
    const lines = [];
    for (let x = 0; x <= width_m + 1e-9; x += step) lines.push(`M${x * this.scale} 0V${height_m * this.scale}`);
    for (let y = 0; y <= height_m + 1e-9; y += step) lines.push(`M0 ${y * this.scale}H${WIDTH}`);
    const frame = shape("rect", { class: "sheet", width: WIDTH, height: height_m * this.scale });
    const words = shape("text", { class: "measure", x: WIDTH, y: height_m * this.scale + 18, "text-anchor": "end" }, `${step} m a square`);
    this.layers.grid.replaceChildren(frame, shape("path", { class: "lines", d: lines.join("") }), words);
  }

  picture(url) {
    const size = { width: WIDTH, height: this.size.height_m * this.scale, preserveAspectRatio: "none" };
    this.layers.image.replaceChildren(...(url ? [shape("image", { href: url, ...size })] : []));
  }

  // Where on the floor a pointer is, in metres.
  at({ clientX, clientY }) {
    const { x, y } = new DOMPoint(clientX, clientY).matrixTransform(this.svg.getScreenCTM().inverse());
    return [x / this.scale, y / this.scale];
  }

  units([x, y]) {
    return `${(x * this.scale).toFixed(1)},${(y * this.scale).toFixed(1)}`;
  }

  path(points, closed = true) {
    return points.length ? `M${points.map((point) => this.units(point)).join("L")}${closed ? "Z" : ""}` : "";
  }

  show(plan, { selected, draft, wrong }) {
    const focused = document.activeElement?.closest?.("svg") === this.svg ? document.activeElement.dataset.focus : null;
    const shown = [...plan.items].filter(([, item]) => !item.gone);
    const zones = shown.filter(([, { kind, value }]) => kind === "zone" && value.polygon_m.length > 2);
    const walls = shown.filter(([, { kind }]) => kind === "wall");
    const places = shown.filter(([, { kind, value }]) => kind !== "zone" && kind !== "wall" && isPlaced(value));
    this.layers.zones.replaceChildren(...zones.map(([key, { value }]) => this._zone(key, value, selected === key)));
    this.layers.walls.replaceChildren(...walls.map(([key, { value }]) => this._wall(key, value, selected === key)));
    this.layers.places.replaceChildren(...places.map(([key, item]) => this._place(key, item, selected === key)));
    const chosen = [...zones, ...walls].find(([key]) => key === selected);
    this.layers.handles.replaceChildren(...(chosen ? this._handles(chosen[1].value) : []));
    this.layers.draft.replaceChildren(...this._draft(draft, wrong));
    if (focused) this.svg.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
  }

  _zone(key, value, selected) {
    const { left, right, top, bottom } = bounds(value.polygon_m);
    const [x, y] = value.polygon_m.reduce((best, point) => (point[1] < best[1] || (point[1] === best[1] && point[0] < best[0]) ? point : best));
    const label = `Zone ${title(value)}, ${metres(right - left)} by ${metres(bottom - top)}`;
    return shape(
      "g",
      { class: `zone${selected ? " selected" : ""}`, "data-key": key, "data-focus": key, tabindex: 0, role: "button", "aria-label": label, "aria-pressed": selected },
      shape("path", { d: this.path(value.polygon_m) }),
      shape("text", { class: "name", x: x * this.scale + 14, y: y * this.scale + 24 }, title(value)),
    );
  }

  _wall(key, { ends }, selected) {
    const d = this.path(ends, false);
    const [from, to] = ends.map(([x, y]) => `${metres(x)} right, ${metres(y)} down`);
    const label = `Wall of ${metres(lengthOf(ends))}, from ${from}, to ${to}`;
    return shape(
      "g",
      { class: `wall${selected ? " selected" : ""}`, "data-key": key, "data-focus": key, tabindex: 0, role: "button", "aria-label": label, "aria-pressed": selected },
      shape("path", { class: "grip", d }),
      shape("path", { d }),
    );
  }

  _place(key, { kind, value }, selected) {
    const label = `${kind === "gateway" ? "Gateway" : "Fixture"} ${title(value)}, ${metres(value.x_m)} right, ${metres(value.y_m)} down`;
    const mark = kind === "gateway" ? shape("path", { d: "M0-11 11 0 0 11-11 0Z" }) : shape("circle", { r: 8 });
    return shape(
      "g",
      {
        class: `${kind}${selected ? " selected" : ""}`, "data-key": key, "data-focus": key, tabindex: 0, role: "button", "aria-label": label,
        "aria-pressed": selected, transform: `translate(${this.units([value.x_m, value.y_m])})`,
      },
      shape("circle", { class: "reach", r: 24 }),
      mark,
      shape("text", { y: 27, "text-anchor": "middle" }, title(value)),
    );
  }

  _handles(value) {
    const points = outlineOf(value);
    const word = value.ends ? "End" : "Corner";
    const corners = points.map((point, n) => {
      const [x, y] = point;
      const label = `${word} ${n + 1} of ${points.length}: ${metres(x)} right, ${metres(y)} down`;
      const attributes = { class: "handle", "data-corner": n, "data-focus": `corner:${n}`, tabindex: 0, role: "button", "aria-label": label };
      return shape("g", { ...attributes, transform: `translate(${this.units(point)})` }, shape("circle", { class: "reach", r: 20 }), shape("circle", { r: 7 }));
    });
    if (value.ends) return corners;
    const middles = sides(points).map(([[x1, y1], [x2, y2]], n) => {
      const at = this.units([(x1 + x2) / 2, (y1 + y2) / 2]);
      return shape("g", { class: "handle between", "data-between": n, transform: `translate(${at})` }, shape("circle", { class: "reach", r: 16 }), shape("circle", { r: 4.5 }));
    });
    return [...middles, ...corners];
  }

  _draft(draft, wrong) {
    if (!draft?.points.length) return [];
    const line = shape("path", { class: `outline${wrong ? " wrong" : ""}`, d: this.path(draft.points, draft.closed) });
    const first = draft.points[0];
    const dot = shape("circle", { class: "first", r: 7, cx: first[0] * this.scale, cy: first[1] * this.scale });
    return [line, dot];
  }
}

export const isPlaced = ({ x_m, y_m }) => Boolean(x_m || y_m);
