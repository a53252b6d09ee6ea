// A page of figures fetches itself now and then, and takes over what changed, without moving or losing the focus.

import { Heard } from "./stale.js";
import { follow } from "./take.js";

const live = document.getElementById("live");
const everyMs = Number(live.dataset.refresh) * 1000;
const heard = new Heard(Math.max(5000, everyMs * 2.5));

follow("live", everyMs, { wanted: () => live.hasAttribute("data-refresh"), then: () => heard.now() });
