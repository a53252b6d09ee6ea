/** What a person does about her messages, brought together: menu ▶ why, verdict, snooze, stop. */

import { Menu } from "./menu.js";
import { Snooze } from "./snooze.js";
import * as view from "./view.js";
import { Why } from "./why.js";

export class Care {
  #offers;
  #on;
  #why;
  #menu;

  /** `on.changed` is called when the page should be drawn again; `on.allow(yes)` grants or withdraws offers. */
  constructor(footfall, offers, on) {
    this.#offers = offers;
    this.#on = on;
    this.snooze = new Snooze(footfall, on.changed);
    this.#why = new Why(footfall, (message, opener) => this.open(message, opener));
    this.#menu = new Menu({
      why: (message, opener) => this.#why.open(message, opener),
      judge: (message, kind) => this.#offers.judge(message, kind),
      snooze: (span) => this.snooze.begin(span),
      stop: () => this.#stop(),
    });
  }

  /** The menu of a message; `opener` has the focus afterwards. */
  open(message, opener) {
    this.#menu.open(message, opener);
  }

  /** The banner of a pause, while there is one. */
  render(now_ms) {
    this.snooze.render(now_ms, () => this.#tried("snoozed-still", () => this.snooze.end()));
  }

  /** What the page's address asks for: an offer that is here, or the delivery of one that a private push told of. */
  async openLinked(asked) {
    this.#offers.openLinked(asked.get("offer"));
    if (!asked.has("delivery")) return;
    try {
      await this.#offers.fetchLinked(asked.get("delivery"));
    } catch (error) {
      const ended = error.status === 404 || error.status === 410;
      const title = ended ? "That offer has ended" : "That offer cannot be fetched";
      view.notice("linked", { title, text: ended ? "It is over, or it was taken back." : view.reason(error) });
    }
  }

  /** No offers until she allows them again, which one tap does as long as this page stands. */
  async #stop() {
    await this.#on.allow(false);
    view.notice("stopped", {
      tone: "grey",
      title: "Offers are stopped",
      text: "You took back your consent to offers. Here, or under “Your choices”, you can allow them again at any time.",
      label: "Allow offers again",
      action: () => this.#tried("stopped-still", () => this.#on.allow(true)),
    });
    view.announce("Offers are stopped.");
  }

  /** A button of a notice, which goes away with it: the focus must not be lost. */
  async #tried(name, step) {
    try {
      await step();
      view.dismiss(name);
      view.$("main").focus({ preventScroll: true });
    } catch (error) {
      view.notice(name, { title: "That did not work", text: `Nothing was changed. ${view.reason(error)}` });
    }
  }
}
