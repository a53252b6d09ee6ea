// A day on the floor, frame by frame: played, or scrubbed by a slider, the curve or the arrow keys.

const data = JSON.parse(document.getElementById("lapse-data").textContent);
const last = data.clocks.length - 1;
const get = (id) => document.getElementById(id);
const at = get("at");
const play = get("play");
const curve = get("curve");
const cells = [...(get("cells")?.children ?? [])]; // a store without plan and zones has no drawing
const zones = [...document.querySelectorAll(".lapse .zone")].filter((zone) => data.zones[zone.dataset.zone]);
const calm = matchMedia("(prefers-reduced-motion: reduce)");
/** Frames a second at the usual speed; where less motion is wanted, each frame stands for a second, whatever is chosen. */
const RATE = 5;

const show = (n) => {
  get("clock").textContent = data.clocks[n];
  get("members").textContent = data.members[n];
  at.setAttribute("aria-valuetext", `${data.clocks[n]}, ${data.members[n]} members`);
  const x = ((n + 0.5) * 1000) / (last + 1);
  get("now").setAttribute("d", `M${x} 0V120`);
  for (const zone of zones) {
    const { shades, texts } = data.zones[zone.dataset.zone];
    zone.dataset.shade = shades[n];
    zone.querySelector(".says").textContent = texts[n];
  }
  const levels = data.cells[n] ?? "";
  cells.forEach((cell, k) => cell.setAttribute("fill-opacity", data.opacities[Number(levels[k])] ?? 0));
};

const go = (n) => {
  at.value = String(Math.min(last, Math.max(0, n)));
  show(Number(at.value));
};

let timer = 0;
const stop = () => {
  clearTimeout(timer);
  timer = 0;
  play.textContent = "Play";
};
const step = () => {
  if (Number(at.value) >= last) {
    stop();
    return;
  }
  go(Number(at.value) + 1);
  timer = setTimeout(step, calm.matches ? 1000 : 2000 / (RATE * Number(get("speed").value)));
};
const start = () => {
  if (Number(at.value) >= last) go(0);
  play.textContent = "Pause";
  timer = setTimeout(step, 0);
};

play.addEventListener("click", () => (timer ? stop() : start()));
at.addEventListener("input", () => {
  stop();
  show(Number(at.value));
});
at.addEventListener("keydown", (event) => {
  if (event.key !== " ") return;
  event.preventDefault();
  play.click();
});
const point = (event) => {
  const box = curve.getBoundingClientRect();
  stop();
  go(Math.floor(((event.clientX - box.left) / box.width) * (last + 1)));
};
curve.addEventListener("pointerdown", (event) => {
  curve.setPointerCapture(event.pointerId);
  point(event);
});
curve.addEventListener("pointermove", (event) => { if (event.buttons) point(event); });

for (const id of ["player", "scrub"]) get(id).hidden = false;
show(Number(at.value));
