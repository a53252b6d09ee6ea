// A page of figures fetches itself now and then, and takes over what changed, without moving or losing the focus.

import { Heard } from "./stale.js";
import { part, take } from "./take.js";

const live = document.getElementById("live");
const everyMs = Number(live.dataset.refresh) * 1000;
const wanted = () => live.hasAttribute("data-refresh");
const heard = new Heard(Math.max(5000, everyMs * 2.5));

const look = async () => {
  if (document.hidden || !wanted()) return;
  const fresh = await part(location.href, "live");
  if (!fresh) return;
  take(live, fresh);
  heard.now();
};

setInterval(() => look().catch(() => {}), everyMs);
document.addEventListener("visibilitychange", () => look().catch(() => {}));
