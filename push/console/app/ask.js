/**
 * Asking once: which words she is shown, and what is new since she was asked last.
 *
 *     const ask = new Ask(footfall, { answer: (id, yes) => … });
 *     ask.about(["location"]);        // what goes with her answer: versions, language, country
 *     await ask.note(config, consent) // tell the store what she sees now; of what is new, one card
 *
 * What she was asked, on whichever device of hers, the server knows: nobody is asked the same words twice.
 */

import * as view from "./view.js";

/** Ways that only other apps have, or that need an address. */
const UNUSABLE = new Set(["fcm", "apns", "email", "webhook"]);

export class Ask {
  #footfall;
  #on;
  #config = { purposes: [] };

  constructor(footfall, on) {
    this.#footfall = footfall;
    this.#on = on;
  }

  /** The store's configuration in her language, its purposes those that a page can use. */
  async config() {
    return this.use(await this.#footfall.config({ locale: navigator.language }));
  }

  /** The same, from wherever it was kept. */
  use(config) {
    this.#config = { ...config, purposes: config.purposes.filter(({ id }) => !UNUSABLE.has(id)) };
    return this.#config;
  }

  /** Which words she is shown for these purposes, as the server is told with her answer. */
  about(ids) {
    const shown = this.#config.purposes.filter(({ id, version }) => version && ids.includes(id));
    const versions = Object.fromEntries(shown.map(({ id, version }) => [id, version]));
    return { versions, locale: navigator.language, ...(this.#config.country ? { country: this.#config.country } : {}) };
  }

  /** Tell the store which words she is shown for the first time. Who was asked before is asked one new thing at a time. */
  async note(consent) {
    const { purposes } = this.#config;
    const fresh = purposes.filter(({ asked }) => !asked);
    const isFirst = fresh.length === purposes.length;
    const [next, ...later] = isFirst ? [] : fresh.filter(({ id }) => consent[id] !== true && id !== "adult");
    if (next) this.#card(next);
    const told = fresh.filter((purpose) => !later.includes(purpose)).map(({ id }) => id);
    if (told.length > 0) await this.#footfall.noteAsked(this.about(told));
  }

  #card({ id, title, text }) {
    const answer = (yes) => {
      view.dismiss("ask");
      this.#on.answer(id, yes);
    };
    view.notice("ask", {
      tone: "orange",
      title: `A new question: ${title}?`,
      text: `${text} You find it among your choices at any time.`,
      label: "Allow",
      action: () => answer(true),
      other: { label: "No, thanks", action: () => answer(false) },
    });
  }
}
