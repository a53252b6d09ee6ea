/** What can be done about a message: ask why, say what it is worth, pause offers, or stop them. */

import { $, announce, reason } from "./view.js";

const THANKS = {
  useful: "Thank you. The store is told that this was useful.",
  less: "Thank you. The store is told that you would like less of this.",
};

export class Menu {
  #on;
  #message;
  #opener;

  /** `on` does it: `why(message, opener)`, `judge(message, kind)`, `snooze(span)`, `stop()`; the last two may throw. */
  constructor(on) {
    this.#on = on;
    const menu = $("menu");
    menu.onclose = () => this.#opener.focus();
    menu.onkeydown = (event) => walk(event, menu);
    $("menu-why").onclick = () => {
      menu.close();
      on.why(this.#message, this.#opener);
    };
    for (const button of menu.querySelectorAll("[data-verdict]")) {
      button.onclick = () => this.#judge(button.dataset.verdict);
    }
    for (const button of menu.querySelectorAll("[data-snooze]")) {
      button.onclick = () => this.#tried(() => on.snooze(button.dataset.snooze));
    }
    $("menu-stop").onclick = () => this.#stop();
  }

  /** Open it for a message; `opener` has the focus afterwards. */
  open(message, opener) {
    this.#message = message;
    this.#opener = opener;
    const menu = $("menu");
    menu.querySelector(".failure").textContent = "";
    $("menu-about").textContent = message.title;
    for (const button of menu.querySelectorAll("[data-verdict]")) {
      button.setAttribute("aria-pressed", message.verdict === button.dataset.verdict);
    }
    menu.showModal();
  }

  #judge(kind) {
    $("menu").close();
    announce(THANKS[kind]);
    this.#on.judge(this.#message, kind);
  }

  /** Asked once more, and told what the difference to a pause is. */
  async #stop() {
    const dialog = $("stop");
    dialog.returnValue = "";
    dialog.showModal();
    await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
    if (dialog.returnValue === "yes") await this.#tried(() => this.#on.stop());
    else if (dialog.returnValue === "week") await this.#tried(() => this.#on.snooze("week"));
  }

  /** Do what needs the server; the menu closes once it is done, and says so where it is not. */
  async #tried(step) {
    const menu = $("menu");
    menu.querySelector(".failure").textContent = "";
    menu.setAttribute("aria-busy", "true");
    try {
      await step();
      menu.close();
    } catch (error) {
      menu.querySelector(".failure").textContent = `That did not work. ${reason(error)}`;
    } finally {
      menu.removeAttribute("aria-busy");
    }
  }
}

/** The arrow keys lead from one button to the next, Home and End to the first and last. */
function walk(event, room) {
  const buttons = [...room.querySelectorAll("button:not(.close)")];
  const here = buttons.indexOf(document.activeElement);
  const places = { ArrowDown: here + 1, ArrowUp: here < 0 ? -1 : here - 1, Home: 0, End: -1 };
  if (!(event.key in places)) return;
  event.preventDefault();
  buttons.at(places[event.key] % buttons.length).focus();
}
