// The walk test: asked twice a second, for as long as somebody looks.

import { Heard } from "./stale.js";

const bars = document.getElementById("bars");
const heard = new Heard(4000);

const says = (node, text) => { if (node.textContent !== text) node.textContent = text; };

const showBar = ({ id, share, text, is_fresh }, n) => {
  const line = bars.querySelector(`[data-gateway="${CSS.escape(id)}"]`);
  if (!line) return location.reload();
  line.dataset.fresh = is_fresh ? "yes" : "no";
  says(line.querySelector(".says"), text);
  line.querySelector("meter").value = share;
  if (bars.children[n] !== line) bars.insertBefore(line, bars.children[n]);
};

const ask = async () => {
  if (document.hidden) return;
  const answer = await fetch(bars.dataset.heard);
  if (answer.status === 401) return location.reload();
  if (!answer.ok) return;
  const now = await answer.json();
  if (now.wrong) return location.reload();
  says(document.getElementById("sentence"), now.sentence);
  now.bars.forEach(showBar);
  heard.now("");
};

const go = async () => {
  await ask().catch(() => undefined); // no answer now: the page says how old it is, and asks again
  setTimeout(go, 500);
};
if (bars) go();
