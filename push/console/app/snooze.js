/** A pause: until when no offers come, as the server says, or as it last said where it cannot be asked. */

import * as view from "./view.js";

const KEPT = "footfall-snoozed";
const HOURS = { hour: 1, week: 168 };

export class Snooze {
  #footfall;
  #changed;
  #until_ms = Number(localStorage.getItem(KEPT) ?? 0);
  #shown_ms = 0;

  /** `changed` is called when the page should be drawn again. */
  constructor(footfall, changed) {
    this.#footfall = footfall;
    this.#changed = changed;
  }

  /** Until when, or 0 while offers may come. */
  until(now_ms) {
    return this.#until_ms > now_ms ? this.#until_ms : 0;
  }

  /** What the server says: another device of the same person may have snoozed, or ended it. */
  async load() {
    try {
      this.#keep((await this.#footfall.snoozed()) ?? 0);
    } catch (error) {
      console.warn("footfall: nobody tells whether offers are snoozed", error);
    }
  }

  /** Pause for an "hour", the rest of the "day" by this device's clock, or a "week". Throws ProblemError, OfflineError. */
  async begin(span) {
    const midnight = new Date().setHours(24, 0, 0, 0);
    this.#keep(span === "day" ? await this.#footfall.snoozeUntil(midnight) : await this.#footfall.snooze(HOURS[span]));
    view.announce(`No offers until ${view.untilTime(this.#until_ms, Date.now())}.`);
  }

  /** Offers may come again. Throws ProblemError, OfflineError. */
  async end() {
    await this.#footfall.endSnooze();
    this.#keep(0);
    view.announce("Offers may come again.");
  }

  /** The banner, while there is something to say; `again` is called when she wants offers again. */
  render(now_ms, again) {
    const until_ms = this.until(now_ms);
    if (until_ms === this.#shown_ms) return;
    this.#shown_ms = until_ms;
    if (!until_ms) return view.dismiss("snoozed");
    view.notice("snoozed", {
      tone: "grey",
      title: `No offers until ${view.untilTime(until_ms, now_ms)}`,
      text: "You asked for a pause. Your choices stay as they are, and news of what you asked for still comes.",
      label: "Offers again",
      action: again,
    });
  }

  /** Forget it on this side. */
  forget() {
    this.#keep(0);
    view.dismiss("snoozed");
  }

  #keep(until_ms) {
    this.#until_ms = until_ms;
    if (until_ms) localStorage.setItem(KEPT, String(until_ms));
    else localStorage.removeItem(KEPT);
    this.#changed();
  }
}
