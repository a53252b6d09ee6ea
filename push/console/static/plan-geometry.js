// Points and outlines in metres; nothing here knows a page.

export const snapped = (value, step) => Number((Math.round(value / step) * step).toFixed(2));

export const rectangle = ([x1, y1], [x2, y2]) => {
  const [left, right, top, bottom] = [Math.min(x1, x2), Math.max(x1, x2), Math.min(y1, y2), Math.max(y1, y2)];
  return [[left, top], [right, top], [right, bottom], [left, bottom]];
};

// What a zone or a wall is made of, and the same thing with other points.
export const outlineOf = ({ polygon_m, ends }) => ends ?? polygon_m;

export const reshaped = (value, points) => ({ ...value, [value.ends ? "ends" : "polygon_m"]: points });

export const lengthOf = ([[x1, y1], [x2, y2]]) => Math.hypot(x2 - x1, y2 - y1);

export const sides = (outline) => outline.map((point, n) => [point, outline[(n + 1) % outline.length]]);

export const area = (outline) =>
  Math.abs(sides(outline).reduce((sum, [[x1, y1], [x2, y2]]) => sum + x1 * y2 - x2 * y1, 0)) / 2;

export const contains = (outline, [x, y]) =>
  sides(outline).reduce(
    (inside, [[x1, y1], [x2, y2]]) => (y1 > y) !== (y2 > y) && x < x1 + ((y - y1) * (x2 - x1)) / (y2 - y1) ? !inside : inside,
    false,
  );

const turn = ([ax, ay], [bx, by], [cx, cy]) => Math.sign((bx - ax) * (cy - ay) - (by - ay) * (cx - ax));

// Whether two sides that share no corner meet: then the outline is no area.
export const crossesItself = (outline) => {
  const all = sides(outline);
  return all.some(([a, b], i) =>
    all.some(([c, d], j) => {
      const apart = Math.abs(i - j);
      if (apart < 2 || apart === all.length - 1) return false;
      return turn(a, b, c) !== turn(a, b, d) && turn(c, d, a) !== turn(c, d, b);
    }),
  );
};

export const moved = (outline, [dx, dy]) => outline.map(([x, y]) => [x + dx, y + dy]);

export const bounds = (points) => {
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  return { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) };
};

// The corner or the point on the grid that somebody means: corners of other zones win within `reach_m`.
export const meant = ([x, y], corners, step, reach_m) => {
  let best = null;
  let least = reach_m;
  for (const corner of corners) {
    const distance = Math.hypot(corner[0] - x, corner[1] - y);
    if (distance < least) [best, least] = [corner, distance];
  }
  return best ? [...best] : [snapped(x, step), snapped(y, step)];
};
