/**
 * The app's flow: ask consent ▶ register ▶ listen ▶ show ▶ report. The protocol is footfall.js, what she is asked
 * ask.js, the offers on the page offers.js, what can be done about one care.js, her name on screens nickname.js, her cards and fobs tags.js, the page's
 * elements view.js, Web Push push.js.
 * The server is the truth about consent; what is kept here only serves while it cannot be asked.
 */

import { Ask } from "./ask.js";
import { Care } from "./care.js";
import { Footfall, OfflineError, ProblemError } from "./footfall.js";
import { Mine } from "./mine.js";
import { Nickname } from "./nickname.js";
import { Offers } from "./offers.js";
import { askPermission, PushUnavailable, serviceWorker, subscribe } from "./push.js";
import { codeInAddress, Tags } from "./tags.js";
import { Traits } from "./traits.js";
import { nameIn, tokenInAddress } from "./user.js";
import * as view from "./view.js";

const { $ } = view;

/** A short break in the network is no news. */
const UNREACHABLE_AFTER_MS = 4000;

const LOGGED_IN = "The store knows this device as yours. Log out under “This device” before somebody else uses it.";

const WORDS = ["No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"];

const app = {
  footfall: undefined,
  offers: undefined,
  care: undefined,
  mine: undefined,
  nickname: undefined,
  tags: undefined,
  code: codeInAddress(),
  user: tokenInAddress(),
  store: "the store",
  config: { purposes: [] },
  consent: {},
  shelf: undefined,
  ask: undefined,
  listening: undefined,
  heard_ms: undefined,
  refused: false,
};

async function start() {
  view.dismiss("start");
  try {
    const settings = await (await fetch("settings.json")).json();
    app.store = settings.store ?? app.store;
    app.footfall = await Footfall.open({ appKey: settings.app_key });
    app.ask = new Ask(app.footfall, { answer: choose });
    app.offers = new Offers(app.footfall, render, (message, opener) => app.care.open(message, opener));
    app.care = new Care(app.footfall, app.offers, { changed: render, allow: allowOffers });
    app.mine = new Mine(app.footfall, { titles, erased: startOver });
    new Traits(app.footfall);
    hangNickname();
    app.tags?.stop();
    app.tags = new Tags(app.footfall, { located: () => app.consent.location === true, locate: allowLocation, refused });
    await keepCode();
    if (app.footfall.registered) await joined();
    else await welcome();
  } catch (error) {
    view.setHeadline("Not now, it seems", "Nothing is lost: what you chose and received stays on this device.");
    failed("start", error, start);
  }
}

/** A card's code that led here outlives this page from now on. */
async function keepCode() {
  if (!app.code) return;
  await app.footfall.keepClaim({ code: app.code, yes: false, at_ms: Date.now() });
  app.code = undefined;
}

/** Her name's field below the choices: one, also after starting over. */
function hangNickname() {
  app.nickname?.element.remove();
  app.nickname = new Nickname(app.footfall);
  $("choices").querySelector(".card").append(app.nickname.element);
}

function followScreen() {
  app.nickname.update({ offered: app.config.purposes.some(({ id }) => id === "screen"), granted: app.consent.screen === true });
}

function titles() {
  return Object.fromEntries(app.config.purposes.map(({ id, title }) => [id, title]));
}

const asksAge = () => app.config.purposes.some(({ id }) => id === "adult");

/** Before joining: every purpose explained, none ticked. */
async function welcome() {
  app.config = await app.ask.config();
  show("welcome");
  view.setHeadline(
    "Offers where you are, only as far as you allow",
    `When you come by, ${app.store} would like to greet you with an offer. It may use what you allow here, and nothing else.`,
  );
  const form = $("welcome");
  const explain = () => ($("summary").textContent = view.meaning(view.chosen(form), app.store, asksAge()));
  view.fillPurposes(form, app.config.purposes, {}, explain);
  explain();
  await app.tags.resume();
}

async function join(event) {
  event.preventDefault();
  view.dismiss("join");
  const form = $("welcome");
  const wanted = view.chosen(form);
  if (!Object.values(wanted).some(Boolean)) {
    $("summary").textContent = "Choose at least one thing first, or simply close this page.";
    form.querySelector("input").focus();
    return;
  }
  busy(form, true);
  try {
    const push = wanted.webpush ? await tried(askPermission) : undefined;
    await app.footfall.register({ locale: navigator.language });
    await app.footfall.setConsent({ ...wanted, webpush: wanted.webpush && !push }, app.ask.about(Object.keys(wanted)));
    if (wanted.webpush && !push) await turnOnPush();
    await joined();
    if (push) view.notice("push", { title: "Notifications are not possible yet", text: push.message });
    $("main").focus({ preventScroll: true });
    scrollTo(0, 0);
  } catch (error) {
    failed("join", error);
  } finally {
    busy(form, false);
  }
}

/** After joining: the offers, and the choices beside them. */
async function joined() {
  show("offers", "choices");
  $("device").textContent = app.footfall.device;
  await app.offers.load();
  await Promise.all([loadChoices(), loadShelf(), app.care.snooze.load(), app.tags.load()]);
  render();
  followChoices();
  await showLogin();
  askToLogIn();
  await app.care.openLinked(new URLSearchParams(location.hash.slice(1)));
  await app.tags.resume();
  await app.footfall.flush();
}

/** Whom the page that led here says that she is; asked, as anybody can make such a link to a token of his own. */
function askToLogIn() {
  if (app.user) {
    view.notice("login", {
      tone: "teal",
      title: `Log in as ${nameIn(app.user)}?`,
      text: `Only if that is you: ${app.store} then knows this device as that customer's, with all that you allow here.`,
      label: "Yes, that is me",
      action: logIn,
    });
  }
}

/** On a device of somebody else, that one is logged out first; she joins anew, and is asked again. */
async function logIn() {
  try {
    if (!(await app.footfall.login(app.user))) return logOut();
    app.user = undefined;
    view.notice("login", { tone: "teal", title: "You are logged in", text: LOGGED_IN });
    await showLogin();
  } catch (error) {
    failed("login", error, logIn);
  }
}

async function showLogin() {
  $("logout").hidden = $("as-customer").hidden = !(await app.footfall.loggedIn());
}

async function logOut() {
  await app.footfall.logout(await serviceWorker());
  await startOver();
}

/** Stop offers, or allow them again, as the switch does. */
async function allowOffers(yes) {
  await choose("marketing", yes);
  if (yes) view.dismiss("stopped");
}

/** Allow location, as the switch does. */
async function allowLocation() {
  await choose("location", true);
}

async function choose(id, yes) {
  await grant({ [id]: yes });
  view.fillPurposes($("choices"), app.config.purposes, app.consent, change);
  followChoices();
}

async function loadChoices() {
  const kept = JSON.parse(localStorage.getItem("footfall") ?? "{}");
  try {
    [app.config, app.consent] = await Promise.all([app.ask.config(), app.footfall.consent()]);
    keep();
    tried(() => app.ask.note(app.consent)); // another time where it fails: nothing depends on it
    view.dismiss("choices");
  } catch (error) {
    if (error.status === 401 || error.status === 404) return refused();
    app.config = app.ask.use(kept.config ?? app.config);
    app.consent = kept.consent ?? {};
    failed("choices", error, () => loadChoices().then(followChoices));
  }
  view.fillPurposes($("choices"), app.config.purposes, app.consent, change);
  followScreen();
}

/** How the store wants offers shown to her; what it said last serves while it cannot be asked. */
async function loadShelf() {
  const error = await tried(async () => (app.shelf = await app.footfall.experience()));
  if (error && !(error instanceof OfflineError) && !(error instanceof ProblemError)) throw error;
  if (!error) keep();
  app.shelf ??= JSON.parse(localStorage.getItem("footfall") ?? "{}").shelf;
  if (app.shelf) app.offers.arrange(app.shelf);
}

/** One switch: withdrawing is told to the server first, granting only counts once the browser agrees. */
async function change(id, wanted, input) {
  view.enablePurposes($("choices"), false);
  $("saved").textContent = id === "webpush" && wanted ? "Waiting for your browser’s answer …" : "Saving …";
  try {
    if (id === "webpush" && wanted) {
      await askPermission();
      await turnOnPush();
    }
    await grant({ [id]: wanted });
    view.followPurposes($("choices"), app.consent);
    if (id === "webpush" && !wanted) await app.footfall.unsubscribe(await serviceWorker());
    if (id === "webpush") view.dismiss("push");
    if (id === "marketing") view.dismiss("stopped");
    if (id === "screen") followScreen();
    if (id === "profiling") loadShelf();
    $("saved").textContent = savedText(id, wanted);
  } catch (error) {
    input.checked = app.consent[id] === true;
    $("saved").textContent = "Not saved: what you had chosen before still counts.";
    if (error instanceof PushUnavailable) {
      view.notice("push", { title: "Notifications are not possible yet", text: error.message });
    } else failed("choices", error);
  } finally {
    view.enablePurposes($("choices"), true);
    input.focus();
  }
  followChoices();
}

/** Tell the server what she says; what is in force then is for the server to say. */
async function grant(said) {
  app.consent = await app.footfall.setConsent(said, app.ask.about(Object.keys(said)));
  keep();
  app.mine.load();
}

/** What serves while the server cannot be asked. */
function keep() {
  const { config, consent, shelf } = app;
  localStorage.setItem("footfall", JSON.stringify({ config, consent, shelf }));
}

function savedText(id, wanted) {
  if (!wanted) return "Saved. Withdrawn, at once.";
  if (app.consent[id]) return "Saved. You allowed it.";
  const young = asksAge() && !app.consent.adult;
  return `Saved. It counts once you have ${young ? "said that you are old enough" : "confirmed it: look into your mailbox"}.`;
}

async function turnOnPush() {
  await grant({ webpush: true });
  try {
    await subscribe(app.footfall, app.config.application_server_key);
  } catch (error) {
    await grant({ webpush: false });
    throw error;
  }
}

/** Listen exactly while the person allows it, and notice where the browser no longer agrees. */
function followChoices() {
  if (app.refused) return;
  if (app.consent.inapp && !app.listening) listen();
  if (!app.consent.inapp) {
    app.listening?.abort();
    app.listening = undefined;
    view.setState(app.consent.webpush ? "notified" : "quiet");
  }
  if (app.consent.webpush) tried(keepSubscribed).then(pushLost);
  render();
}

async function keepSubscribed() {
  if (globalThis.Notification?.permission !== "granted") {
    throw new PushUnavailable("You allowed notifications, but this browser blocks them. Allow them in its settings.");
  }
  await subscribe(app.footfall, app.config.application_server_key);
}

function pushLost(error) {
  if (error instanceof PushUnavailable) {
    view.notice("push", { title: "No notification can arrive", text: error.message });
  }
}

function listen() {
  const listening = new AbortController();
  app.listening = listening;
  app.footfall.listen({ onMessage: (message) => app.offers.receive(message), onState: connection, signal: listening.signal });
}

let unreachable;

function connection(name, about) {
  if (name === "listening") {
    clearTimeout(unreachable);
    unreachable = undefined;
    app.heard_ms = Date.now();
    view.dismiss("connection");
    view.setState("listening");
    app.footfall.flush();
    app.tags.online();
  } else if (name === "refused") {
    app.listening = undefined;
    refused(about);
  } else {
    if (unreachable === undefined) view.setState("connecting");
    unreachable ??= setTimeout(cutOff, UNREACHABLE_AFTER_MS);
  }
}

function cutOff() {
  const offline = navigator.onLine === false;
  view.setState(offline ? "offline" : "unreachable");
  const since = app.heard_ms ? ` It last answered at ${view.timeOf(app.heard_ms)}.` : "";
  view.notice("connection", {
    title: offline ? "You are offline" : "The store does not answer",
    text: `What arrived before stays here, and what you missed comes as soon as the connection is back.${since}`,
  });
}

function refused() {
  app.refused = true;
  view.setState("refused");
  view.notice("refused", {
    tone: "red",
    title: "The store does not know this device any more",
    text: "It was removed there, so no offer can come. You can join again, as somebody new.",
    label: "Start over",
    action: startOver,
  });
}

/** What the page says now; once a second, because offers end. */
function render() {
  if ($("offers").hidden) return;
  const now_ms = Date.now();
  const count = app.offers.render(now_ms);
  app.care.render(now_ms);
  const { location, marketing, inapp, webpush, screen } = app.consent;
  const able = location && marketing && (inapp || webpush || screen);
  const snoozed_ms = app.care.snooze.until(now_ms);
  $("empty").hidden = count > 0;
  $("empty-title").textContent = !able ? "No offer can come" : snoozed_ms ? "A pause, as you wished" : "Silence is normal";
  $("empty-text").textContent = able && snoozed_ms ? "Offers come again by themselves." : view.meaning(app.consent, app.store, asksAge());
  view.setHeadline(headline(count, able), `At ${app.store}`);
  document.title = count > 0 ? `(${count}) Footfall` : "Footfall";
}

function headline(count, able) {
  if (count === 0) return able ? "Nothing to say right now" : "Your choices keep it quiet";
  return `${WORDS[count] ?? count} ${count === 1 ? "offer" : "offers"} for you, here and now`;
}

async function leave() {
  $("sure").showModal();
  const answer = await new Promise((resolve) =>
    $("sure").addEventListener("close", () => resolve($("sure").returnValue), { once: true }),
  );
  if (answer !== "yes") return;
  try {
    await grant(Object.fromEntries(Object.keys(app.consent).map((id) => [id, false])));
    await app.footfall.unsubscribe(await serviceWorker());
    await startOver();
  } catch (error) {
    failed("leave", error, leave);
  }
}

async function startOver() {
  app.listening?.abort();
  app.listening = undefined;
  app.refused = false;
  clearTimeout(unreachable);
  unreachable = undefined;
  localStorage.removeItem("footfall");
  app.shelf = undefined;
  app.care.snooze.forget();
  await app.footfall.forget();
  $("notices").replaceChildren();
  $("state").hidden = true;
  await start();
}

/** Say what went wrong, what still works, and offer the way on. */
function failed(name, error, action) {
  const title = error instanceof ProblemError ? error.title : "The store does not answer";
  const offline = navigator.onLine === false ? "You are offline." : "Its server may be starting, or the network is down.";
  const text = error instanceof ProblemError ? `The server said: ${error.message}` : `${offline} Nothing was changed.`;
  if (!(error instanceof ProblemError) && !(error instanceof OfflineError)) console.error(error);
  view.notice(name, { tone: error instanceof ProblemError ? "red" : "amber", title, text, label: "Try again", action });
}

/** The error that a step ended with, or undefined. */
async function tried(step) {
  try {
    await step();
    return undefined;
  } catch (error) {
    return error;
  }
}

function show(...ids) {
  for (const id of ["welcome", "offers", "choices"]) $(id).hidden = !ids.includes(id);
}

function busy(form, on) {
  form.setAttribute("aria-busy", on);
  for (const control of form.querySelectorAll("input, button")) control.disabled = on;
}

$("welcome").addEventListener("submit", join);
$("leave").addEventListener("click", leave);
$("logout").addEventListener("click", () => tried(logOut).then((error) => error && failed("login", error, logOut)));
for (const dialog of document.querySelectorAll("dialog:has(.close)")) {
  dialog.querySelector(".close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
}
$("clear").addEventListener("click", () => app.offers.clear());
document.addEventListener("visibilitychange", () => {
  app.offers?.reportVisible();
  if (document.visibilityState !== "visible" || !app.footfall?.registered) return;
  app.care.snooze.load();
  loadShelf();
});
new BroadcastChannel("footfall").addEventListener("message", ({ data }) => app.offers?.receive(data.received));
navigator.serviceWorker?.addEventListener("message", ({ data }) => app.offers?.openLinked(data.open));
addEventListener("hashchange", () => {
  app.user = tokenInAddress() ?? app.user;
  if (app.footfall?.registered) askToLogIn();
  const code = codeInAddress();
  if (code) return app.tags ? app.tags.arrive(code) : (app.code = code);
  if (app.footfall?.registered) app.care?.openLinked(new URLSearchParams(location.hash.slice(1)));
});
addEventListener("online", () => app.tags?.online());
addEventListener("beforeinstallprompt", (event) => {
  event.preventDefault();
  $("install").hidden = false;
  $("install").onclick = () => event.prompt().then(() => ($("install").hidden = true));
});
setInterval(render, 1000);
serviceWorker();
start();
