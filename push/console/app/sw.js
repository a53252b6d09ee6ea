/**
 * The app's service worker: shows what Web Push brings, reports what becomes of it, and keeps the app's own files so
 * that it opens without a network. It shares the device's registration with the page through IndexedDB (footfall.js).
 */

import { Footfall, parsed, safeUrl } from "./footfall.js";

const CACHE = "footfall-app-5";
const FILES = [
  "./",
  "app.css",
  "app.js",
  "ask.js",
  "care.js",
  "menu.js",
  "mine.js",
  "nickname.js",
  "offers.js",
  "push.js",
  "snooze.js",
  "tags.js",
  "traits.js",
  "user.js",
  "view.js",
  "why.js",
  "footfall.js",
  "manifest.webmanifest",
  "icon.svg",
  "icon-192.png",
  "settings.json",
];
const page = new URL("./", self.location).href;
const channel = new BroadcastChannel("footfall");
/** Messages whose notification was tapped just now. */
const tapped = new Set();

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES)));
  self.skipWaiting();
});

self.addEventListener("activate", (event) => event.waitUntil(takeOver()));
self.addEventListener("push", (event) => event.waitUntil(show(event.data?.text() ?? "")));
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const data = followed(event.notification.data, event.action);
  tapped.add(data?.id);
  event.waitUntil(Promise.all([open(data), opened(data, event.action !== "")]));
});
self.addEventListener("notificationclose", (event) => event.waitUntil(dismissed(event.notification.data)));
self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(renew()));
self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method === "GET" && url.startsWith(page)) event.respondWith(freshOrKept(event.request));
});

async function takeOver() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith("footfall-app-") && name !== CACHE).map((n) => caches.delete(n)));
  await self.clients.claim();
}

/** The network's answer, for next time kept; what was kept where there is no network. A fragment may be a secret. */
async function freshOrKept(request) {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(request.url.split("#", 1)[0], response.clone());
    return response;
  } catch (error) {
    const kept = await cache.match(request, { ignoreSearch: true });
    if (kept) return kept;
    throw error;
  }
}

/** Browsers end a subscription that stays silent, so every push is shown: a late or unreadable one says so. */
async function show(text) {
  const message = parsed(text);
  if (!message?.id || message.expires_ms <= Date.now()) {
    await notify("That offer has just ended", { tag: "footfall-ended", silent: true });
    return;
  }
  const footfall = await Footfall.open();
  const kept = await footfall.keep(message, "push");
  await notify(message.title, {
    body: message.body,
    image: safeUrl(message.image, page),
    tag: message.id,
    lang: message.locale,
    actions: buttons(message),
    data: { id: message.id, delivery: message.delivery, url: message.url, actions: message.actions },
  });
  channel.postMessage({ received: kept });
  await footfall.report(message.delivery, "shown");
}

/** As many of a message's actions as this browser shows, each named by its place. */
function buttons(message) {
  const most = self.Notification?.maxActions ?? 0;
  return (message.actions ?? []).slice(0, most).map(({ title }, place) => ({ action: String(place), title }));
}

/** A notification's data, leading where the button that was pressed leads; `action` is empty for the rest of it. */
function followed(data, action) {
  const button = action ? data?.actions?.[Number(action)] : undefined;
  return button ? { ...data, url: button.url } : data;
}

function notify(title, options) {
  return self.registration.showNotification(title, { icon: "icon-192.png", badge: "badge-96.png", ...options });
}

/** The offer's own address, or the app with the offer open. */
async function open(data) {
  const url = safeUrl(data?.url, page);
  if (url) return self.clients.openWindow(url);
  const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const ours = windows.find((client) => client.url.startsWith(page));
  if (!ours) return self.clients.openWindow(data?.id ? `${page}#offer=${encodeURIComponent(data.id)}` : page);
  if (data?.id) ours.postMessage({ open: data.id });
  return ours.focus();
}

async function opened(data, byButton) {
  if (!data?.id) return;
  const footfall = await Footfall.open();
  await footfall.markOpened(data.id);
  await footfall.report(data.delivery, "opened");
  if (byButton) await footfall.report(data.delivery, "clicked");
}

/** Put away by the person. Some browsers say so of a notification that was tapped, too, and that is something else. */
async function dismissed(data) {
  if (!data?.id) return;
  const footfall = await Footfall.open();
  const message = (await footfall.messages()).find(({ id }) => id === data.id);
  if (!message?.opened && !tapped.has(data.id)) await footfall.report(data.delivery, "dismissed");
}

/** The browser replaced the subscription: the server must learn the new one. */
async function renew() {
  const footfall = await Footfall.open();
  if (footfall.registered) await footfall.subscribe(self.registration);
}
