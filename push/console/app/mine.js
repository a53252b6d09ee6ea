/**
 * What the store keeps of a person, in her own hands: what she said and when, everything as a file, and erasing it.
 *
 *     const mine = new Mine(footfall, { titles: () => ({ location: "Notice when I visit" }), erased });
 *     await mine.load();   // whenever her choices changed
 *
 * `erased` is called once nothing is left at the store; what is on the device is the caller's to forget.
 */

import * as view from "./view.js";

const { $ } = view;
const MOST_LINES = 20;

export class Mine {
  #footfall;
  #on;

  constructor(footfall, on) {
    this.#footfall = footfall;
    this.#on = on;
    $("kept-export").onclick = () => this.#tried($("kept-export"), () => this.#export());
    $("kept-erase").onclick = () => this.#tried($("kept-erase"), () => this.#erase());
    $("kept-ledger").ontoggle = () => $("kept-ledger").open && this.load();
  }

  /** Show the latest words, where they are looked at. */
  async load() {
    if (!$("kept-ledger").open) return;
    try {
      const { said } = await this.#footfall.consentLedger();
      const titles = this.#on.titles();
      const latest = said.reverse().slice(0, MOST_LINES);
      $("kept-list").replaceChildren(...latest.map((word) => view.saidRow(word, titles[word.purpose] ?? word.purpose)));
      $("kept-said").textContent = said.length === 0 ? "You have said nothing yet." : "";
    } catch (error) {
      $("kept-said").textContent = view.reason(error);
    }
  }

  async #export() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await this.#footfall.exportMine());
    link.download = "what-is-kept-of-me.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    $("kept-said").textContent = "The file is on this device now: everything that the store keeps of you.";
  }

  async #erase() {
    $("sure-erase").showModal();
    const answer = await new Promise((resolve) =>
      $("sure-erase").addEventListener("close", () => resolve($("sure-erase").returnValue), { once: true }),
    );
    if (answer !== "yes") return;
    await this.#footfall.eraseMine();
    await this.#on.erased();
  }

  async #tried(button, step) {
    button.disabled = true;
    try {
      await step();
    } catch (error) {
      $("kept-said").textContent = view.reason(error);
    } finally {
      button.disabled = false;
    }
  }
}
