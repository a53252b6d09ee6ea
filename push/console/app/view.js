/** The page's elements: everything that makes or changes the document, and nothing that talks to the server. */

import { ProblemError, safeUrl } from "./footfall.js";

/** Purposes that are ways to reach a person; all others are uses of what is known. */
const WAYS = new Set(["inapp", "webpush", "screen"]);

const STATES = {
  connecting: ["grey", "Connecting"],
  listening: ["teal", "Listening"],
  notified: ["teal", "Notifications on"],
  quiet: ["grey", "Not listening"],
  offline: ["amber", "Offline"],
  unreachable: ["amber", "No answer"],
  refused: ["red", "Not known here"],
};

export const $ = (id) => document.getElementById(id);

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
export const timeOf = (ms) => clock.format(ms);
const dayAndTime = new Intl.DateTimeFormat(undefined, { weekday: "long", hour: "numeric", minute: "2-digit" });
const dateAndTime = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", hour: "numeric", minute: "2-digit" });

/** A time to come: with its day unless that is today, or ends with it. */
export function untilTime(ms, now_ms) {
  if (ms === new Date(now_ms).setHours(24, 0, 0, 0)) return "midnight";
  if (new Date(ms).toDateString() === new Date(now_ms).toDateString()) return timeOf(ms);
  return (ms - now_ms < 6 * 86_400_000 ? dayAndTime : dateAndTime).format(ms);
}

export function setState(name) {
  const [tone, text] = STATES[name];
  const pill = $("state");
  pill.hidden = false;
  pill.dataset.tone = tone;
  if (pill.textContent !== text) pill.textContent = text;
}

export function setHeadline(title, lead) {
  if ($("title").textContent !== title) $("title").textContent = title;
  $("lead").textContent = lead;
}

/** Show or replace the notice of this name: what was seen, what still works, and the one action that mends it. */
export function notice(name, { tone = "amber", title, text, label, action, other }) {
  const made = clone("notice");
  made.dataset.name = name;
  made.dataset.tone = tone;
  made.querySelector("h2").textContent = title;
  made.querySelector("p").textContent = text;
  if (action) {
    made.querySelector(".actions").hidden = false;
    const button = made.querySelector("button");
    button.textContent = label;
    button.addEventListener("click", action);
    if (other) {
      const second = document.createElement("button");
      Object.assign(second, { type: "button", className: "quiet", textContent: other.label });
      second.addEventListener("click", other.action);
      button.after(second);
    }
  }
  const shown = noticeOf(name);
  if (shown) shown.replaceWith(made);
  else $("notices").append(made);
}

export function dismiss(name) {
  noticeOf(name)?.remove();
}

function noticeOf(name) {
  return $("notices").querySelector(`[data-name="${name}"]`);
}

/** Fill a room's two groups with one switch per purpose; `onChange(id, wanted, input)` hears of each change. */
export function fillPurposes(room, purposes, granted, onChange) {
  for (const group of room.querySelectorAll(".purposes")) {
    const reach = group.dataset.group === "reach";
    const rows = purposes.filter(({ id }) => WAYS.has(id) === reach);
    group.replaceChildren(...rows.map((purpose) => purposeRow(purpose, granted[purpose.id] === true, onChange)));
  }
}

/** Follow what is in force, without taking the focus from anything. */
export function followPurposes(room, granted) {
  for (const input of room.querySelectorAll("input[name]")) input.checked = granted[input.name] === true;
}

function purposeRow({ id, title, text }, on, onChange) {
  const row = clone("purpose");
  row.querySelector("strong").textContent = title;
  row.querySelector(".small").textContent = text;
  const input = row.querySelector("input");
  input.name = id;
  input.checked = on;
  input.addEventListener("change", () => onChange(id, input.checked, input));
  return row;
}

export function chosen(room) {
  return Object.fromEntries([...room.querySelectorAll("input[name]")].map((input) => [input.name, input.checked]));
}

export function enablePurposes(room, enabled) {
  for (const input of room.querySelectorAll("input[name]")) input.disabled = !enabled;
}

/** What choices mean, in one sentence. */
export function meaning(granted, store, asksAge = false) {
  if (!Object.values(granted).some(Boolean)) {
    return "Nothing is chosen: the store learns nothing about you, and no offer comes.";
  }
  if (asksAge && !granted.adult && (granted.location || granted.profiling)) {
    return "Say first that you are old enough: until then the store neither notices your visits nor makes offers yours.";
  }
  if (!granted.marketing) return "No offer will come: offers need your consent to marketing.";
  const ways = [];
  if (granted.inapp) ways.push("on this page while it is open");
  if (granted.webpush) ways.push("as a notification, even when this page is closed");
  if (granted.screen) ways.push("on a screen in the store, by the name you choose");
  if (ways.length === 0) return "No offer can reach you: choose at least one way.";
  if (!granted.location) {
    const age = asksAge && !granted.adult ? " That takes your word that you are old enough, too." : "";
    return `Nobody learns where you are, so no offer for where you stand can come.${age}`;
  }
  const which = granted.profiling ? "They are chosen for you." : "They are the same for everybody.";
  return `When you are at ${store}, offers may come ${ways.join(", and ")}. ${which}`;
}

/** `on` hears what is done with the card: `open`, `more` (with the button that was pressed), `follow` of a link. */
export function offerCard(message, on) {
  const card = clone("card");
  card.dataset.id = message.id;
  card.querySelector("h2").textContent = message.title;
  card.querySelector(".body").textContent = message.body;
  card.querySelector("time").textContent = `came ${timeOf(message.received_ms)}`;
  card.querySelector("time").dateTime = new Date(message.received_ms).toISOString();
  picture(card.querySelector("img"), message.image);
  const button = card.querySelector(".push");
  button.setAttribute("aria-label", `Open the offer: ${message.title}`);
  button.addEventListener("click", on.open);
  moreButton(card, message, on.more);
  links(card.querySelector(".links"), message, on.follow);
  updateCard(card, message, Date.now());
  return card;
}

function moreButton(room, message, onMore) {
  const button = room.querySelector(".more");
  button.setAttribute("aria-label", `More about: ${message.title}`);
  button.addEventListener("click", () => onMore(button));
}

/** The message's action links as buttons; those that are safe to open. */
function links(room, message, onFollow) {
  const made = (message.actions ?? []).flatMap(({ title, url }) => {
    const href = safeUrl(url, location.href);
    if (!href) return [];
    const link = document.createElement("a");
    Object.assign(link, { className: "button", href, target: "_blank", rel: "noopener", textContent: title });
    link.addEventListener("click", onFollow);
    return [link];
  });
  room.replaceChildren(...made);
  room.hidden = made.length === 0;
}

const SAID = { useful: "You found this useful.", less: "You would like less of this. The store is told." };

/** Time left in words, and as a line that shortens; and what she said of it. */
export function updateCard(card, message, now_ms) {
  const left = card.querySelector(".pill");
  const text = timeLeft(message.expires_ms - now_ms);
  if (left.textContent !== text) left.textContent = text;
  const whole_ms = Math.max(1, message.expires_ms - message.received_ms);
  const line = card.querySelector("progress");
  line.value = Math.max(0, Math.min(1, (message.expires_ms - now_ms) / whole_ms));
  line.setAttribute("aria-label", text);
  const said = card.querySelector(".said");
  said.hidden = !message.verdict;
  if (message.verdict && said.textContent !== SAID[message.verdict]) said.textContent = SAID[message.verdict];
}

export function timeLeft(left_ms) {
  const seconds = Math.ceil(left_ms / 1000);
  if (seconds <= 0) return "ended";
  if (seconds <= 90) return `${seconds} s left`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes} min left`;
  return minutes < 2880 ? `${Math.floor(minutes / 60)} h left` : `${Math.floor(minutes / 1440)} days left`;
}

export function bygone(message, onMore) {
  const row = clone("bygone");
  row.querySelector("time").textContent = timeOf(message.received_ms);
  row.querySelector("time").dateTime = new Date(message.received_ms).toISOString();
  row.querySelector("strong").textContent = message.title;
  row.querySelector("span .small").textContent = message.opened ? "You opened it · ended" : "Ended";
  moreButton(row, message, onMore);
  return row;
}

/** One of her own words on a purpose. */
export function saidRow({ granted, at_ms, pending, claimed }, title) {
  const row = clone("said");
  row.querySelector("time").textContent = dateAndTime.format(at_ms);
  row.querySelector("time").dateTime = new Date(at_ms).toISOString();
  row.querySelector("strong").textContent = title;
  const word = granted ? "allowed" : "not allowed";
  const how = pending ? " · waits for your confirmation" : claimed ? " · the store says so" : "";
  row.querySelector("span .small").textContent = `${word}${how}`;
  return row;
}

/** Something that systems say of her. */
export function traitRow(name, value, corrected) {
  const row = clone("said");
  row.querySelector("time").remove();
  row.querySelector("strong").textContent = name;
  row.querySelector("span .small").textContent = corrected ? `${value} · put right by you or for you` : value;
  return row;
}

/** One of her tags; its button gives it up. */
export function tagRow(name, rotating) {
  const row = clone("tag");
  row.querySelector("strong").textContent = name;
  row.querySelector("span .small").textContent = rotating
    ? "What it says keeps changing: only this store knows it."
    : "It always says the same, so it counts only in stores that allow such tags.";
  row.querySelector("button").setAttribute("aria-label", `Lost it: ${name}`);
  return row;
}

export function showOffer(message, onFollow) {
  const ended = message.expires_ms <= Date.now();
  $("offer-title").textContent = message.title;
  $("offer-body").textContent = message.body;
  $("offer-left").textContent = timeLeft(message.expires_ms - Date.now());
  $("offer-left").dataset.tone = ended ? "grey" : "orange";
  $("offer-till").textContent = ended ? "This offer has ended." : "Show this page to the staff.";
  $("offer-now").hidden = true;
  picture($("offer-image"), message.image);
  const url = safeUrl(message.url, location.href);
  $("offer-link").hidden = !url || ended;
  if (url) $("offer-link").href = url;
  $("offer-link").onclick = onFollow;
  links($("offer-links"), ended ? {} : message, onFollow);
  if (!$("offer").open) $("offer").showModal();
}

/** The offer on the page, as it is now; undefined: nothing is left of it. What sold out gives way to another. */
export function updateOffer(offer) {
  $("offer-now").hidden = false;
  if (!offer) {
    $("offer-now").textContent = "Nothing is left of this offer.";
    $("offer-left").textContent = "Gone";
    $("offer-left").dataset.tone = "grey";
    $("offer-till").textContent = "This offer has ended.";
    for (const id of ["offer-link", "offer-links", "offer-image"]) $(id).hidden = true;
    return;
  }
  const { message, state, product } = offer;
  if (state === "swapped") {
    $("offer-title").textContent = message.title;
    $("offer-body").textContent = message.body;
    picture($("offer-image"), message.image);
    const url = safeUrl(message.url, location.href);
    $("offer-link").hidden = !url;
    if (url) $("offer-link").href = url;
  }
  const told = [product.price, product.was && `instead of ${product.was}`, product.left && `${product.left} left here`];
  $("offer-now").textContent = told.filter(Boolean).join(" · ");
}

/** Why a call did not work, and what helps. */
export function reason(error) {
  if (error instanceof ProblemError) return error.status >= 500 ? "The store has trouble; try again soon." : error.message;
  return navigator.onLine === false ? "You are offline." : "The store does not answer; try again soon.";
}

/** Tell who listens instead of looking, once a dialog that closes just now is gone: behind one nothing is read out. */
export function announce(text) {
  setTimeout(() => ($("announce").textContent = text), 100);
}

function picture(element, address) {
  const url = safeUrl(address, location.href);
  element.hidden = !url;
  if (url) element.src = url;
  element.addEventListener("error", () => (element.hidden = true), { once: true });
}

function clone(id) {
  return $(id).content.firstElementChild.cloneNode(true);
}
