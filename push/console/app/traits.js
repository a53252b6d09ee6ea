/**
 * What systems say of her, and putting it right: a row for each, and a form for those that are open to her.
 *
 *     const traits = new Traits(footfall);   // follows the details `kept-traits` by itself
 *
 * A correction holds whatever systems say later, until she takes it back.
 */

import * as view from "./view.js";

const { $ } = view;

export class Traits {
  #footfall;
  #known = { traits: {}, corrected: [], open: [] };

  constructor(footfall) {
    this.#footfall = footfall;
    $("kept-traits").open = false;
    $("kept-traits").ontoggle = () => $("kept-traits").open && this.load();
    $("traits-form").onsubmit = (event) => this.#correct(event);
    $("traits-name").onchange = () => this.#choose();
    $("traits-back").onclick = () => this.#takeBack();
  }

  /** Show what is said now. */
  async load() {
    await this.#tell(async () => {
      this.#known = await this.#footfall.traits();
      const { traits, corrected, open } = this.#known;
      const names = Object.keys(traits).sort();
      $("traits-list").replaceChildren(...names.map((name) => view.traitRow(name, told(traits[name]), corrected.includes(name))));
      const kept = $("traits-name").value;
      $("traits-name").replaceChildren(...open.map((name) => new Option(name, name, false, name === kept)));
      $("traits-form").hidden = open.length === 0;
      this.#choose();
      return names.length === 0 ? "Nothing is said of you." : "";
    });
  }

  #choose() {
    const name = $("traits-name").value;
    const value = this.#known.traits[name];
    $("traits-value").value = value === undefined ? "" : told(value);
    $("traits-back").hidden = !this.#known.corrected.includes(name);
  }

  async #correct(event) {
    event.preventDefault();
    const [name, text] = [$("traits-name").value, $("traits-value").value.trim()];
    await this.#tell(async () => {
      await this.#footfall.correct(name, text || null);
      await this.load();
      return text ? "It is right now, whatever systems say later." : "Nothing is said of it any more.";
    });
  }

  async #takeBack() {
    await this.#tell(async () => {
      await this.#footfall.takeBackCorrection($("traits-name").value);
      await this.load();
      return "What systems say holds again.";
    });
  }

  async #tell(step) {
    $("traits-said").textContent = "";
    try {
      $("traits-said").textContent = await step();
    } catch (error) {
      $("traits-said").textContent = view.reason(error);
    }
  }
}

function told(value) {
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
