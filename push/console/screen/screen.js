/**
 * A screen in a store: it shows what the server says, offers to everybody, and greets somebody who is alone before it.
 *
 * A greeting holds only as long as the server goes on saying so: without a word for some seconds, at its time's end, or
 * as soon as the stream breaks, it is gone from the document. Nothing of it is ever kept.
 */

import { events, safeUrl } from "/app/footfall.js";

/** While somebody is greeted the server says twice a second that it still holds. */
const TRUST_MS = 1800;
/** Else it says every 5 s that it is still there. */
const SILENCE_MS = 20_000;
const BACKOFF_FIRST_MS = 500;
const BACKOFF_MOST_MS = 10_000;
/** A short break in the network is no news. */
const NEWS_AFTER_MS = 5000;
/** A receipt may be faster than what it is about: the server writes that down in a moment. */
const RECEIPT_PAUSES_MS = [300, 700, 1500, 3000, 6000, 12_000, 30_000, 60_000];
const DAY_MS = 86_400_000;
const SHRINK = 0.92;
const LEAST_FIT = 0.3;

const $ = (id) => document.getElementById(id);
const screenId = location.pathname.split("/").at(-1);
const kept = `footfall-screen-${screenId}`;
const mark = document.documentElement.dataset.mark;
const opened_ms = Date.now();

let token;
let face = { store: "", offer: null, greeting: null };
let heard_ms = opened_ms;
let doubt;
let over;

// --- what is on the screen -------------------------------------------------------------------------------------------

/** Show the face: the greeting where there is one, else the offer, else the store's name. */
function render() {
  const { greeting, offer, store } = face;
  const shown = greeting ?? offer ?? (store ? { title: store, body: "" } : { title: "", body: "" });
  $("face").dataset.kind = greeting ? "greeting" : offer ? "offer" : store ? "store" : "waiting";
  $("greeting").hidden = $("why").hidden = !greeting;
  $("greeting").textContent = greeting?.greeting ?? "";
  $("title").textContent = shown.title;
  $("body").textContent = shown.body;
  $("store").textContent = store;
  picture(shown.image);
  fit();
}

function picture(address) {
  const url = safeUrl(address, location.href);
  const image = $("image");
  $("picture").hidden = !url;
  if (!url) image.removeAttribute("src");
  else if (image.src !== url) image.src = url;
}

/** Let type shrink until the words fit: a wall has no scrollbar. */
function fit() {
  const words = $("words");
  delete words.dataset.tight;
  let scale = 1;
  do {
    document.documentElement.style.setProperty("--fit", scale);
    scale *= SHRINK;
  } while (scale > LEAST_FIT && words.scrollHeight > words.clientHeight);
  if (words.scrollHeight > words.clientHeight) words.dataset.tight = "";
}

function arrive() {
  for (const part of [$("words"), $("picture")]) {
    part.classList.remove("arrives");
    void part.offsetWidth;
    part.classList.add("arrives");
  }
}

function show(told) {
  const before = face;
  face = told;
  const fresh = face.greeting && face.greeting.delivery !== before.greeting?.delivery;
  if (!face.greeting) return forget();
  render();
  if (fresh) greet(face.greeting);
}

function greet({ delivery, show_ms }) {
  arrive();
  clearTimeout(over);
  over = setTimeout(forget, show_ms);
  $("left").hidden = false;
  $("left").getAnimations().forEach((one) => one.cancel());
  $("left").animate([{ transform: "scaleX(1)" }, { transform: "scaleX(0)" }], { duration: show_ms, fill: "forwards" });
  requestAnimationFrame(() => {
    if (document.visibilityState === "visible") seen(delivery, Date.now());
  });
}

/** Take off whatever is personal, now: no fading. */
function forget() {
  clearTimeout(over);
  clearTimeout(doubt);
  $("left").hidden = true;
  const was = face.greeting !== null || $("face").dataset.kind === "greeting";
  face = { ...face, greeting: null };
  render();
  if (was) arrive();
}

/** The server said something: what is shown holds for another moment. */
function trust() {
  heard_ms = Date.now();
  clearTimeout(doubt);
  if (face.greeting) doubt = setTimeout(forget, TRUST_MS);
}

// --- what the server says --------------------------------------------------------------------------------------------

async function run() {
  let attempt = 0;
  for (;;) {
    try {
      await follow(() => {
        attempt = 0;
        news("");
        renew();
      });
    } catch (error) {
      if (error.refused) return pair(error.refused);
    }
    forget();
    if (Date.now() - heard_ms > NEWS_AFTER_MS) news(`Not connected since ${timeOf(heard_ms)}`);
    await pause(Math.random() * Math.min(BACKOFF_MOST_MS, BACKOFF_FIRST_MS * 2 ** attempt++));
  }
}

async function follow(onOpen) {
  const dead = new AbortController();
  let silence = setTimeout(() => dead.abort(), SILENCE_MS);
  try {
    const response = await call("stream", { headers: { Accept: "text/event-stream" }, signal: dead.signal });
    onOpen();
    for await (const event of events(response.body)) {
      clearTimeout(silence);
      silence = setTimeout(() => dead.abort(), SILENCE_MS);
      if (event.type === "face") show(JSON.parse(event.data));
      trust();
    }
  } finally {
    clearTimeout(silence);
    dead.abort();
  }
}

async function call(leaf, { headers, ...options }) {
  const response = await fetch(`/v1/screens/${encodeURIComponent(screenId)}/${leaf}`, {
    cache: "no-store",
    headers: { Authorization: `Bearer ${token}`, ...headers },
    ...options,
  });
  if (response.ok) return response;
  const refused = { 401: "The token is not valid any more.", 403: "The token is another screen’s.", 404: "There is no such screen any more." };
  throw Object.assign(new Error(`status ${response.status}`), { refused: refused[response.status] });
}

/** Say that a message was seen. Whoever goes away before it is told is told nothing: there is no more to it. */
async function seen(delivery, at_ms) {
  const body = JSON.stringify({ receipts: [{ delivery, kind: "shown", at_ms }] });
  for (const pause_ms of RECEIPT_PAUSES_MS) {
    await pause(pause_ms);
    try {
      const signal = AbortSignal.timeout(10_000);
      const response = await call("receipts", { method: "POST", headers: { "Content-Type": "application/json" }, body, signal });
      if ((await response.json()).accepted > 0) return;
    } catch (error) {
      if (error.refused) return;
    }
  }
}

/** A page that has been open for years follows its server: newer files, or a day's age, and it starts afresh. */
async function renew() {
  try {
    const text = await (await fetch(location.pathname, { cache: "no-store" })).text();
    const now = /data-mark="([^"]+)"/.exec(text)?.[1];
    if (now && !face.greeting && (now !== mark || Date.now() - opened_ms > DAY_MS)) location.reload();
  } catch (error) {
    console.info("screen: the page could not be looked at", error);
  }
}

function news(text) {
  $("state").hidden = !text;
  if ($("state").textContent !== text) $("state").textContent = text;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const timeOf = (ms) => clock.format(ms);

function pause(ms) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    addEventListener("online", done);
  });
}

// --- the token -------------------------------------------------------------------------------------------------------

/** The token of the address's fragment, which no server sees, or the one kept here. */
function known() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  try {
    if (given) localStorage.setItem(kept, given);
    if (location.hash) history.replaceState(null, "", location.pathname);
    return localStorage.getItem(kept);
  } catch {
    return given; // a browser that keeps nothing needs the fragment again
  }
}

/** Ask for the token, once. */
function pair(problem = "") {
  face = { store: "", offer: null, greeting: null };
  forget();
  news("");
  delete document.body.dataset.running;
  try {
    localStorage.removeItem(kept);
  } catch (error) {
    console.info("screen: nothing is kept here", error);
  }
  $("pair-screen").textContent = $("pair-path").textContent = screenId;
  $("pair-problem").textContent = problem;
  $("pair-problem").hidden = !problem;
  $("pair").hidden = false;
  $("token").focus();
}

function start() {
  token = known();
  if (!token) return pair();
  $("pair").hidden = true;
  document.body.dataset.running = "";
  stayAwake();
  run();
}

async function stayAwake() {
  try {
    await navigator.wakeLock?.request("screen");
  } catch (error) {
    console.info("screen: it may go to sleep", error);
  }
}

$("pair").addEventListener("submit", (event) => {
  event.preventDefault();
  const given = $("token").value.trim();
  $("token").value = "";
  try {
    localStorage.setItem(kept, given);
    location.reload();
  } catch {
    location.hash = `token=${encodeURIComponent(given)}`; // a browser that keeps nothing
  }
});
$("image").addEventListener("error", () => picture(null));
addEventListener("hashchange", () => location.hash && location.reload());
addEventListener("resize", fit);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && stayAwake());
document.fonts.ready.then(fit);
render();
start();
