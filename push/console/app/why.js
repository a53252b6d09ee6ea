/** "Why am I seeing this?": what the server knows of a message, in its words. */

import { deliveryOf } from "./offers.js";
import { $, reason } from "./view.js";

const TITLES = [
  ["happened", "What happened"],
  ["agreed", "What you agreed to"],
  ["choice", "Why this one"],
  ["sender", "Who sent it"],
  ["often", "How often"],
  ["options", "What you can do"],
];

export class Why {
  #footfall;
  #asked;

  /** `menu(message, opener)` opens what can be done about a message. */
  constructor(footfall, menu) {
    this.#footfall = footfall;
    $("why-menu").onclick = () => {
      $("why").close();
      menu(this.#asked.message, this.#asked.opener);
    };
    $("why-again").onclick = () => this.#load();
  }

  /** Show it for a message; `opener` has the focus afterwards. */
  async open(message, opener) {
    this.#asked = { message, opener };
    $("why").onclose = () => opener.focus();
    $("why").showModal();
    await this.#load();
  }

  async #load() {
    const asked = this.#asked;
    $("why-again").hidden = true;
    fill(paragraphs(["One moment, asking the store."]));
    try {
      const why = await this.#footfall.why(deliveryOf(asked.message));
      if (asked === this.#asked) fill(TITLES.flatMap(([name, title]) => section(title, why[name])));
    } catch (error) {
      if (asked !== this.#asked) return;
      fill(paragraphs([`Not known just now. ${reason(error)}`]));
      $("why-again").hidden = error.status === 404;
    }
  }
}

function fill(elements) {
  $("why-body").replaceChildren(...elements);
}

/** A title and its text or texts; nothing where nothing is known. */
function section(title, told) {
  const texts = [told ?? []].flat().map(({ text }) => text);
  if (texts.length === 0) return [];
  const head = document.createElement("h3");
  head.textContent = title;
  return [head, ...(texts.length === 1 ? paragraphs(texts) : [list(texts)])];
}

function paragraphs(texts) {
  return texts.map((text) => Object.assign(document.createElement("p"), { textContent: text }));
}

function list(texts) {
  const made = document.createElement("ul");
  made.append(...texts.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  return made;
}
