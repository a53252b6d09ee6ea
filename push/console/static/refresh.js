// A page of figures fetches itself now and then, and takes over what changed, without moving or losing the focus.

import { Heard } from "./stale.js";

const live = document.getElementById("live");
const everyMs = Number(live.dataset.refresh) * 1000;
const wanted = () => live.hasAttribute("data-refresh");
const heard = new Heard(Math.max(5000, everyMs * 2.5));

/** Make `old` equal to `fresh`, touching only what differs. */
const take = (old, fresh) => {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) {
    old.replaceWith(fresh);
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    old.nodeValue = fresh.nodeValue;
    return;
  }
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const olds = [...old.childNodes];
  const freshs = [...fresh.childNodes];
  freshs.forEach((child, n) => (n < olds.length ? take(olds[n], child) : old.append(child)));
  for (const gone of olds.slice(freshs.length)) gone.remove();
};

const look = async () => {
  if (document.hidden || !wanted()) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "error" });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("live");
  if (fresh) {
    take(live, document.adoptNode(fresh));
    heard.now();
  }
};

setInterval(() => look().catch(() => {}), everyMs);
document.addEventListener("visibilitychange", () => look().catch(() => {}));
