/**
 * Footfall's protocol client for web and hybrid apps: one ES module without dependencies, for pages and workers alike.
 *
 *     import { Footfall } from "./footfall.js";
 *     const footfall = await Footfall.open({ base: "https://shop.example", appKey: "…" });
 *     await footfall.register({ locale: "en" });
 *     await footfall.setConsent({ adult: true, location: true, marketing: true, inapp: true });
 *     footfall.listen({ onMessage: (message) => show(message), onState: (state) => {}, signal });
 *     await footfall.report(message.deliveries.stream, "shown");
 *     const why = await footfall.why(message.deliveries.stream);
 *     await footfall.verdict(message.deliveries.stream, "less");
 *     await footfall.snooze(24);
 *
 * What it keeps stands in IndexedDB, database "footfall", so that a page and its service worker share it:
 *   state     by name: "device" {device, token, shopper, base, app_key}, "last_event_id", "application_server_key",
 *             "claim" {code, yes, at_ms}: a card's code until it is claimed, refused, or a day old
 *   messages  by id: what was received, by which deliveries, until when it makes sense
 *   receipts  by [delivery, kind]: each is reported once, and kept until the server has taken it; of more than 500 the
 *             oldest are let go
 * The device token can read its shopper's messages and change her consent and snooze, nothing else.
 */

const DAY_MS = 86_400_000;
const MESSAGES_KEPT = 50;
const REQUEST_TIMEOUT_MS = 15_000;
/** The server sends a comment at least every 15 s; a stream silent for longer than this is taken for dead. */
const SILENCE_MS = 45_000;
const BACKOFF_FIRST_MS = 500;
const BACKOFF_MOST_MS = 30_000;
const RECEIPTS_KEPT = 500;
/** The most that the server takes in one call. */
const RECEIPTS_SENT = 100;
const RECEIPTS_RETRY_MOST_MS = 300_000;
const OPPOSITE = { useful: "less", less: "useful" };

/** The server refused, and said why (RFC 9457 problem details). */
export class ProblemError extends Error {
  constructor(status, title, detail, retry_after_ms = 0) {
    super(detail || title);
    this.name = "ProblemError";
    this.status = status;
    this.title = title;
    this.retry_after_ms = retry_after_ms;
  }
}

/** No answer came: no network, no server, or not in time. */
export class OfflineError extends Error {
  constructor(cause) {
    super("no answer from the server", { cause });
    this.name = "OfflineError";
  }
}

export class Footfall {
  #store;
  #device;
  #flushed = Promise.resolve();
  #retry;
  #failures = 0;

  constructor(store, device, { base, appKey }) {
    this.#store = store;
    this.#device = device;
    this.base = base ?? device?.base ?? globalThis.location.origin;
    this.appKey = appKey ?? device?.app_key;
  }

  /** A client with what this origin already keeps. Base and app key default to those of the registration. */
  static async open({ base, appKey } = {}) {
    const store = await Store.open();
    return new Footfall(store, await store.get("state", "device"), { base, appKey });
  }

  /** Whether this device is registered. */
  get registered() {
    return this.#device !== undefined;
  }

  /** The device's id, or undefined. */
  get device() {
    return this.#device?.device;
  }

  /**
   * `{application_server_key, country, purposes: [{id, title, text, version, asked}], regions}`, in the words of her language
   * (and country, where you know it, or the store's). `asked`: she was shown these words before, ask her no more.
   */
  async config({ locale, country, store } = {}) {
    const query = new URLSearchParams(Object.entries({ locale, country, store }).filter(([, value]) => value));
    return this.#json("GET", `v1/app/config?${query}`, { token: this.#device?.token ?? this.appKey });
  }

  /** Register this device as a new, anonymous shopper, without any consent. */
  async register({ platform = "web", locale = "en" } = {}) {
    const made = await this.#json("POST", "v1/devices", { token: this.appKey, body: { platform, locale } });
    this.#device = { ...made, base: this.base, app_key: this.appKey };
    await this.#store.put("state", this.#device, "device");
  }

  /** What is granted now: `{location: true, …}`. */
  async consent() {
    return (await this.#json("GET", this.#path("consent"))).purposes;
  }

  /**
   * Grant (true) or withdraw (false) purposes; those that are not named stay as they are. What is in force then: without
   * her age, location and profiling are not. `asked` says which words she was shown: `{versions: {location: "…"}, locale}`.
   */
  async setConsent(purposes, asked = {}) {
    return (await this.#json("PUT", this.#path("consent"), { body: { purposes, ...asked } })).purposes;
  }

  /** Tell what she is asked just now, `{versions, locale}`: so that it is known how texts are taken. */
  async noteAsked(asked) {
    await this.#request("POST", this.#path("consent/asked"), { body: asked });
  }

  /** Everything that she said and was asked, on any of her devices: `{said: [{purpose, granted, at_ms, …}], asked, checks}`. */
  async consentLedger() {
    return this.#json("GET", this.#path("consent/ledger"));
  }

  /** Everything that is kept of her, as a Blob of JSON. */
  async exportMine() {
    return (await this.#request("GET", this.#path("export"))).blob();
  }

  /** Erase everything that is kept of her, for good. This device's token ends with it. */
  async eraseMine() {
    await this.#request("DELETE", this.#path("person"));
  }

  /** What is said of her: `{traits, corrected, open}`; `corrected` and `open` are names, `open` those that she may correct. */
  async traits() {
    return this.#json("GET", this.#path("traits"));
  }

  /** Put right what is said of her: it holds whatever systems say later. `null` takes it away. */
  async correct(trait, value, why = "") {
    await this.#request("POST", this.#path("corrections"), { body: { trait, value, why } });
  }

  /** Let what others say hold again. */
  async takeBackCorrection(trait) {
    await this.#request("POST", this.#path("corrections"), { body: { trait, take_back: true } });
  }

  /**
   * Log a customer in by a token of your back end (JWT). False where this device is somebody else's: then log out, and in
   * again. Without anybody before her, what this device knows becomes hers, and hers its.
   */
  async login(userToken) {
    const headers = { "X-Footfall-User-Token": userToken };
    const { hers } = await this.#json("PUT", this.#path("user"), { headers });
    if (hers) await this.#store.put("state", true, "login");
    return hers;
  }

  /** Whether somebody logged in on this device. */
  async loggedIn() {
    return (await this.#store.get("state", "login")) === true;
  }

  /**
   * Log out: this device forgets her and everything that it received, and is somebody new from its next registration on.
   * What she agreed to stays hers, on her other devices. The last step of it is the browser's alone, so it works offline.
   */
  async logout(registration) {
    try {
      await this.unsubscribe(registration);
    } catch (error) {
      if (!(error instanceof OfflineError) && !(error instanceof ProblemError)) throw error;
    }
    await this.forget();
  }

  /** Subscribe a service worker's registration to Web Push and tell the server. The browser may ask for permission. */
  async subscribe(registration, applicationServerKey) {
    const key = applicationServerKey ?? (await this.#store.get("state", "application_server_key"));
    await this.#store.put("state", key, "application_server_key");
    const subscription = await subscriptionFor(registration, key);
    await this.#request("PUT", this.#path("subscription"), { body: subscription.toJSON() });
  }

  /** End Web Push here, in the browser first: even without a server nothing arrives any more. */
  async unsubscribe(registration) {
    const subscription = await registration?.pushManager?.getSubscription();
    await subscription?.unsubscribe();
    await this.#request("DELETE", this.#path("subscription"));
  }

  /**
   * Receive messages over the event stream until `signal` aborts, resuming where the last stream ended.
   *
   * `onState` hears "connecting", "listening", "unreachable" (with the pause in ms until the next attempt) and, at last,
   * "refused" (with the ProblemError): then this device is not known any more, and listening ends.
   */
  async listen({ onMessage, onState = () => {}, signal }) {
    let attempt = 0;
    while (!signal.aborted) {
      onState("connecting");
      try {
        await this.#stream(onMessage, signal, () => {
          attempt = 0;
          onState("listening");
        });
      } catch (error) {
        if (error instanceof ProblemError && [401, 403, 404, 410].includes(error.status)) {
          onState("refused", error);
          return;
        }
        if (!(error instanceof OfflineError) && !signal.aborted) console.warn("footfall: the stream broke off", error);
      }
      if (signal.aborted) return;
      const pause_ms = Math.random() * Math.min(BACKOFF_MOST_MS, BACKOFF_FIRST_MS * 2 ** attempt++);
      onState("unreachable", pause_ms);
      await pause(pause_ms, signal);
    }
  }

  /**
   * Report what an app ranged of a store's fixtures: `[{kind: "ibeacon" | "altbeacon" | "uid" | "eid", id: "hex",
   * rssi_dbm, heard_ms_ago}]`. Pages cannot hear Bluetooth; hybrid apps can. The answer may carry messages at once.
   */
  async reportSightings(store, sightings) {
    const { messages } = await this.#json("POST", "v1/sightings", { body: { store, sightings } });
    return Promise.all(messages.map((message) => this.keep(message, "stream")));
  }

  /** A rotating identity for an app that can transmit: `{beacon, format, identity_key, exponent, counter_s, counter_at_ms}`. */
  async claimTag() {
    return this.#json("POST", this.#path("tag"));
  }

  /** Make a card or fob hers by the code on it; its id. No consent changes. ProblemError 404: no such code; 409: taken. */
  async claim(code) {
    return (await this.#json("POST", this.#path("claims"), { body: { code } })).beacon;
  }

  /** The tags that are hers: `[{beacon, rotating}]`. */
  async tags() {
    return this.#json("GET", this.#path("tags"));
  }

  /** Make a tag of hers nobody's; with `lost`, nobody can claim it by the code on it either. */
  async giveUp(tag, { lost = false } = {}) {
    await this.#request("DELETE", `${this.#path(`tags/${encodeURIComponent(tag)}`)}?lost=${lost}`);
  }

  /** Keep a code that is to be claimed, `{code, yes, at_ms}`, also before there is a registration. */
  async keepClaim(claim) {
    await this.#store.put("state", claim, "claim");
  }

  /** The code that waits, or undefined. */
  async keptClaim() {
    const claim = await this.#store.get("state", "claim");
    if (!claim || claim.at_ms > Date.now() - DAY_MS) return claim;
    await this.dropClaim();
    return undefined;
  }

  /** Forget the code. */
  async dropClaim() {
    await this.#store.delete("state", "claim");
  }

  /** Keep a message that arrived by "stream" or "push"; the same one by both is one message with two deliveries. */
  async keep(message, via) {
    const known = await this.#store.get("messages", message.id);
    const { delivery, ...content } = message;
    const kept = {
      received_ms: Date.now(),
      opened: false,
      ...known,
      ...content,
      deliveries: { ...known?.deliveries, [via]: delivery },
    };
    await this.#store.put("messages", kept);
    return kept;
  }

  /** Everything received and not cleared, newest first. */
  async messages() {
    const all = (await this.#store.all("messages")).sort((a, b) => b.received_ms - a.received_ms);
    await Promise.all(all.slice(MESSAGES_KEPT).map((message) => this.#store.delete("messages", message.id)));
    return all.slice(0, MESSAGES_KEPT);
  }

  /** Remember that a message was opened. */
  async markOpened(id) {
    const message = await this.#store.get("messages", id);
    if (message) await this.#store.put("messages", { ...message, opened: true });
  }

  /** Delete kept messages. */
  async clear(ids) {
    await Promise.all(ids.map((id) => this.#store.delete("messages", id)));
  }

  /** One message by its delivery, with its content, kept: for a push that carried ids only. A ProblemError 410: it ended. */
  async message(delivery) {
    return this.keep(await this.#json("GET", this.#path(`messages/${encodeURIComponent(delivery)}`)), "push");
  }

  /** What a message offers as of now: `{message, state, product}`; undefined: nothing is left of it. */
  async offer(delivery) {
    try {
      return await this.#json("GET", this.#path(`messages/${encodeURIComponent(delivery)}/offer`));
    } catch (error) {
      if (error instanceof ProblemError && error.status === 410) return undefined;
      throw error;
    }
  }

  /** How the store wants her offers shown: `{offers, layout}`, so many at once, as "cards", a "list", or with a "hero". */
  async experience() {
    return this.#json("GET", this.#path("experience"));
  }

  /** Why she got a message: `{happened, agreed, choice, sender, often, options}`, each with a `text` to be shown. */
  async why(delivery) {
    return this.#json("GET", this.#path(`messages/${encodeURIComponent(delivery)}/why`));
  }

  /** Until when she wants no offers, or undefined while she does. */
  async snoozed() {
    return (await this.#json("GET", this.#path("snooze"))).until_ms ?? undefined;
  }

  /** No offers for 1 to 720 hours, on all her devices; until when. What waits is taken back, consent stays. */
  async snooze(hours) {
    return (await this.#json("PUT", this.#path("snooze"), { body: { for_h: hours } })).until_ms;
  }

  /** The same until a time. */
  async snoozeUntil(until_ms) {
    return (await this.#json("PUT", this.#path("snooze"), { body: { until_ms } })).until_ms;
  }

  /** Offers may come again. */
  async endSnooze() {
    await this.#request("DELETE", this.#path("snooze"));
  }

  /** The name by which screens in stores may greet her, or undefined. */
  async nickname() {
    try {
      return (await this.#json("GET", this.#path("nickname"))).nickname;
    } catch (error) {
      if (error.status === 404) return undefined;
      throw error;
    }
  }

  /** Let screens greet her so: 1 to 20 letters, digits and spaces; as it will be shown. Needs consent to `screen`. */
  async setNickname(nickname) {
    return (await this.#json("PUT", this.#path("nickname"), { body: { nickname } })).nickname;
  }

  /** Let no screen greet her any more. */
  async eraseNickname() {
    await this.#request("DELETE", this.#path("nickname"));
  }

  /**
   * Report "shown", "opened", "clicked", "dismissed" or "redeemed" for a delivery, once; without a network it is kept,
   * and sent as soon as there is one.
   */
  async report(delivery, kind, at_ms = Date.now()) {
    if (await this.#store.add("receipts", { delivery, kind, at_ms, sent: 0 })) await this.flush();
  }

  /** What she thinks of a message: "useful" or "less". She may change her mind; the last word counts. */
  async verdict(delivery, kind, at_ms = Date.now()) {
    await this.#store.delete("receipts", [delivery, OPPOSITE[kind]]);
    await this.#store.put("receipts", { delivery, kind, at_ms, sent: 0 });
    const message = (await this.#store.all("messages")).find((m) => Object.values(m.deliveries).includes(delivery));
    if (message) await this.#store.put("messages", { ...message, verdict: kind });
    await this.flush();
  }

  /** Send the receipts that the server has not taken yet, one request at a time. Being offline is no error here. */
  flush() {
    this.#flushed = this.#flushed.then(() => this.#flush());
    return this.#flushed;
  }

  async #flush() {
    const waiting = await this.#waiting();
    while (waiting.length > 0 && this.registered) {
      const batch = waiting.splice(0, RECEIPTS_SENT);
      const receipts = batch.map(({ delivery, kind, at_ms }) => ({ delivery, kind, at_ms }));
      try {
        await this.#request("POST", "v1/receipts", { body: { receipts }, keepalive: true });
      } catch (error) {
        if (error instanceof OfflineError || error.status >= 500 || [408, 429].includes(error.status)) {
          this.#flushAgain(error.retry_after_ms ?? 0);
          return;
        }
        console.warn("footfall: receipts refused", error);
      }
      this.#failures = 0;
      await Promise.all(batch.map((receipt) => this.#taken(receipt)));
    }
  }

  /** The receipts to be sent, oldest first; what is old, or more than can be kept, is let go. */
  async #waiting() {
    const all = (await this.#store.all("receipts")).sort((a, b) => b.sent - a.sent || a.at_ms - b.at_ms);
    const over = all.length - RECEIPTS_KEPT;
    const old_ms = Date.now() - 7 * DAY_MS;
    const gone = all.filter((receipt, place) => place < over || (receipt.sent && receipt.at_ms < old_ms));
    await Promise.all(gone.map((receipt) => this.#store.delete("receipts", [receipt.delivery, receipt.kind])));
    return all.filter((receipt) => !receipt.sent && !gone.includes(receipt));
  }

  /** The server has it; unless it was replaced meanwhile, by a verdict that is newer. */
  #taken({ delivery, kind, at_ms }) {
    return this.#store.update("receipts", [delivery, kind], (kept) =>
      kept?.at_ms === at_ms ? { ...kept, sent: 1 } : undefined,
    );
  }

  /** Once the network is back, or after a pause that grows. */
  #flushAgain(after_ms) {
    if (this.#retry) return;
    const most_ms = Math.min(RECEIPTS_RETRY_MOST_MS, BACKOFF_FIRST_MS * 2 ** this.#failures++);
    this.#retry = pause(Math.max(after_ms, Math.random() * most_ms), new AbortController().signal).then(() => {
      this.#retry = undefined;
      return this.flush();
    });
  }

  /** Forget everything on this side. Withdraw consent first: afterwards nothing here can. */
  async forget() {
    this.#device = undefined;
    await this.#store.wipe();
  }

  #path(leaf) {
    return `v1/devices/${encodeURIComponent(this.#device?.device)}/${leaf}`;
  }

  async #json(method, path, options) {
    return (await this.#request(method, path, options)).json();
  }

  async #request(method, path, { token = this.#device?.token, body, headers, signal, keepalive } = {}) {
    let response;
    try {
      response = await fetch(new URL(path, new URL("/", this.base)), {
        method,
        keepalive,
        cache: "no-store",
        signal: signal ?? AbortSignal.timeout(REQUEST_TIMEOUT_MS),
        headers: {
          Authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { "Content-Type": "application/json" }),
          ...headers,
        },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
    } catch (error) {
      throw new OfflineError(error);
    }
    if (!response.ok) throw await problem(response);
    return response;
  }

  async #stream(onMessage, signal, onOpen) {
    const dead = new AbortController();
    const stop = () => dead.abort();
    signal.addEventListener("abort", stop, { once: true });
    let timer = setTimeout(stop, SILENCE_MS);
    try {
      const last = await this.#store.get("state", "last_event_id");
      const headers = { Accept: "text/event-stream", ...(last ? { "Last-Event-ID": last } : {}) };
      const response = await this.#request("GET", this.#path("messages"), { headers, signal: dead.signal });
      onOpen();
      for await (const event of events(response.body)) {
        clearTimeout(timer);
        timer = setTimeout(stop, SILENCE_MS);
        if (event.type === "message") await this.#receive(event, onMessage);
      }
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
    }
  }

  async #receive(event, onMessage) {
    const message = parsed(event.data);
    if (message?.id) await onMessage(await this.keep(message, "stream"));
    if (event.id) await this.#store.put("state", event.id, "last_event_id");
  }
}

/** The message of a Web Push or stream payload, or undefined where it is none. */
export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** An absolute http(s) address that is safe to open, or undefined. */
export function safeUrl(text, base) {
  if (!text || !URL.canParse(text, base)) return undefined;
  const url = new URL(text, base);
  return ["http:", "https:"].includes(url.protocol) ? url.href : undefined;
}

async function problem(response) {
  const details = parsed(await response.text()) ?? {};
  const retry_after_ms = 1000 * (Number.parseInt(response.headers.get("Retry-After"), 10) || 0);
  return new ProblemError(response.status, details.title ?? response.statusText, details.detail ?? "", retry_after_ms);
}

/** The subscription for this key; one made for another key can serve no more. */
async function subscriptionFor(registration, key) {
  const bytes = Uint8Array.from(atob(key.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const existing = await registration.pushManager.getSubscription();
  if (existing) {
    const its = new Uint8Array(existing.options.applicationServerKey ?? []);
    if (its.length === bytes.length && its.every((byte, i) => byte === bytes[i])) return existing;
    await existing.unsubscribe();
  }
  return registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes });
}

/** Wait; the network's return ends the wait early. */
function pause(ms, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      globalThis.removeEventListener("online", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    globalThis.addEventListener("online", done);
    signal.addEventListener("abort", done);
  });
}

/** Server-sent events of a byte stream (WHATWG HTML, 9.2.6), comments as events of type "comment". */
export async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let event = { type: "message", data: [] };
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    for (const line of lines) {
      if (line === "") {
        if (event.data.length > 0) yield { ...event, data: event.data.join("\n") };
        event = { type: "message", data: [] };
      } else if (line.startsWith(":")) {
        yield { type: "comment" };
      } else {
        take(event, line);
      }
    }
  }
}

function take(event, line) {
  const [, field, value] = /^([^:]*)(?:: ?(.*))?$/s.exec(line);
  if (field === "data") event.data.push(value ?? "");
  else if (field === "event") event.type = value;
  else if (field === "id") event.id = value;
}

/** A few promises around IndexedDB. */
class Store {
  #database;

  constructor(database) {
    this.#database = database;
  }

  static open() {
    const request = indexedDB.open("footfall", 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("state");
      request.result.createObjectStore("messages", { keyPath: "id" });
      request.result.createObjectStore("receipts", { keyPath: ["delivery", "kind"] });
    };
    return settled(request).then((database) => new Store(database));
  }

  get(name, key) {
    return settled(this.#objects(name, "readonly").get(key));
  }

  all(name) {
    return settled(this.#objects(name, "readonly").getAll());
  }

  put(name, value, key) {
    return settled(this.#objects(name, "readwrite").put(value, key));
  }

  delete(name, key) {
    return settled(this.#objects(name, "readwrite").delete(key));
  }

  /** Put what `change` makes of the value of a key, unless that is undefined; nobody else writes it meanwhile. */
  update(name, key, change) {
    const objects = this.#objects(name, "readwrite");
    const request = objects.get(key);
    return new Promise((resolve, reject) => {
      request.onsuccess = () => {
        const changed = change(request.result);
        resolve(changed === undefined ? undefined : settled(objects.put(changed)));
      };
      request.onerror = () => reject(request.error);
    });
  }

  /** Add unless the key is taken; whether it was added. */
  add(name, value) {
    const request = this.#objects(name, "readwrite").add(value);
    return new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(true);
      request.onerror = (event) => {
        event.preventDefault();
        if (request.error.name === "ConstraintError") resolve(false);
        else reject(request.error);
      };
    });
  }

  async wipe() {
    for (const name of ["state", "messages", "receipts"]) await settled(this.#objects(name, "readwrite").clear());
  }

  #objects(name, mode) {
    return this.#database.transaction(name, mode).objectStore(name);
  }
}

function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
