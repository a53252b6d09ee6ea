/** Web Push in this browser: whether it can be had, and how to get it. */

/** Web Push cannot be had; the message tells the person why, and what would help. */
export class PushUnavailable extends Error {}

/** Without a way to its push service, a browser may try for ever. */
const GIVE_UP_MS = 20_000;
const STILL = "Offers can still appear on this page while it is open.";

/** The service worker's registration, or undefined where this browser or address allows none. */
export async function serviceWorker() {
  if (!("serviceWorker" in navigator)) return undefined;
  try {
    await navigator.serviceWorker.register("sw.js", { type: "module", scope: "./" });
    return await navigator.serviceWorker.ready;
  } catch (error) {
    console.warn("footfall: no service worker", error);
    return undefined;
  }
}

/** Why no notification can arrive whatever the person chooses, or undefined where one can. */
export function obstacle() {
  if (!isSecureContext) return `Notifications need a secure address (https). ${STILL}`;
  if ("PushManager" in window && "Notification" in window) return undefined;
  if (/iPhone|iPad/.test(navigator.userAgent)) {
    return `On an iPhone or iPad, first tap Share, then “Add to Home Screen”, and open Footfall from there. ${STILL}`;
  }
  return `This browser cannot receive notifications. ${STILL}`;
}

/** Ask for permission; must be called while the person's tap is being handled. Throws PushUnavailable. */
export async function askPermission() {
  const reason = obstacle();
  if (reason) throw new PushUnavailable(reason);
  const answer = await Notification.requestPermission();
  if (answer === "denied") {
    throw new PushUnavailable(
      `This browser blocks notifications from this page. Allow them in the settings beside its address. ${STILL}`,
    );
  }
  if (answer !== "granted") throw new PushUnavailable(`You have not allowed notifications yet. ${STILL}`);
}

/** Subscribe and tell the server. Throws PushUnavailable, ProblemError, OfflineError. */
export async function subscribe(footfall, applicationServerKey) {
  const registration = await serviceWorker();
  if (!registration) throw new PushUnavailable(`This browser runs no service worker here. ${STILL}`);
  try {
    await Promise.race([footfall.subscribe(registration, applicationServerKey), givingUp()]);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    throw new PushUnavailable(`This browser’s push service does not answer. ${STILL}`);
  }
}

function givingUp() {
  return new Promise((_, reject) => setTimeout(() => reject(new DOMException("in time", "TimeoutError")), GIVE_UP_MS));
}
