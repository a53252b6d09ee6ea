/** The offers on the page: cards while they make sense, a list once they have ended, receipts for what was seen. */

import { OfflineError, ProblemError } from "./footfall.js";
import * as view from "./view.js";

const { $ } = view;

/** Which of a message's deliveries is reported and asked about. */
export function deliveryOf(message) {
  return message.deliveries.stream ?? message.deliveries.push;
}

export class Offers {
  #footfall;
  #changed;
  #menu;
  #messages = new Map();
  #visible = new Set();
  #showing;
  #shelf = { offers: Infinity, layout: "cards" };
  #all = false;
  #seen = new IntersectionObserver((entries) => this.#look(entries), { threshold: 0.5 });

  /** `changed` is called when the page should be drawn again; `menu(message, opener)` when more is asked about one. */
  constructor(footfall, changed, menu) {
    this.#footfall = footfall;
    this.#changed = changed;
    this.#menu = menu;
    $("live").replaceChildren();
    $("rest").onclick = () => {
      this.#all = true;
      this.#changed();
    };
  }

  /** How many are shown at once, and how; the others are behind one tap. */
  arrange(shelf) {
    this.#shelf = shelf;
    $("live").dataset.layout = shelf.layout;
    this.#changed();
  }

  /** What this device received before. */
  async load() {
    for (const message of await this.#footfall.messages()) this.#messages.set(message.id, message);
  }

  /** A message that has just arrived, by whichever way; it may have come by the other one already. */
  receive(message) {
    const isNew = !this.#messages.has(message.id);
    this.#messages.set(message.id, message);
    this.#changed();
    this.reportVisible();
    if (isNew) view.announce(`New offer: ${message.title}. ${message.body}`);
  }

  /** Touch only what changed, so that nothing jumps; the number of offers that still make sense. */
  render(now_ms) {
    const all = [...this.#messages.values()].sort((a, b) => b.received_ms - a.received_ms);
    const live = all.filter((message) => message.expires_ms > now_ms);
    const past = all.filter((message) => message.expires_ms <= now_ms);
    this.#renderLive(live, now_ms);
    if ($("past").childElementCount !== past.length) {
      $("past").replaceChildren(...past.map((one) => view.bygone(one, (opener) => this.#more(one.id, opener))));
    }
    $("earlier").hidden = past.length === 0;
    $("earlier-count").textContent = past.length;
    return live.length;
  }

  /** Forget what has ended. */
  async clear() {
    const ended = [...this.#messages.values()].filter((message) => message.expires_ms <= Date.now());
    for (const { id } of ended) this.#messages.delete(id);
    await this.#footfall.clear(ended.map(({ id }) => id));
    this.#changed();
  }

  /** A tapped notification leads here; its service worker has reported it already. */
  openLinked(id) {
    const message = this.#messages.get(id);
    if (!message) return;
    history.replaceState(null, "", location.pathname);
    this.#show(message);
  }

  /** A push that carried ids only leads here: its text comes from the server. */
  async fetchLinked(delivery) {
    const message = await this.#footfall.message(delivery);
    this.#messages.set(message.id, message);
    history.replaceState(null, "", location.pathname);
    this.#changed();
    await this.#open(message.id);
  }

  /** What she thinks of a message; kept, and sent when there is a network. */
  async judge(message, kind) {
    this.#messages.set(message.id, { ...this.#messages.get(message.id), verdict: kind });
    this.#changed();
    await this.#footfall.verdict(deliveryOf(message), kind);
  }

  /** What a person can see is shown; a card behind another tab is not. */
  reportVisible() {
    if (document.visibilityState !== "visible") return;
    for (const id of this.#visible) {
      const delivery = this.#messages.get(id)?.deliveries.stream;
      if (delivery) this.#footfall.report(delivery, "shown");
    }
  }

  async #open(id) {
    const message = { ...this.#messages.get(id), opened: true };
    this.#messages.set(id, message);
    this.#show(message);
    await this.#footfall.markOpened(id);
    await this.#footfall.report(deliveryOf(message), "opened");
  }

  #show(message) {
    view.showOffer(message, () => this.#footfall.report(deliveryOf(message), "clicked"));
    this.#showing = message.id;
    if (message.data?.product && message.expires_ms > Date.now()) this.#refresh(message);
  }

  /** Live stock and price; without a network what was told stands. */
  async #refresh(message) {
    let offer;
    try {
      offer = await this.#footfall.offer(deliveryOf(message));
    } catch (error) {
      if (error instanceof OfflineError || error instanceof ProblemError) return;
      throw error;
    }
    if (this.#showing === message.id) view.updateOffer(offer);
  }

  #more(id, opener) {
    this.#menu(this.#messages.get(id), opener);
  }

  #look(entries) {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) this.#visible.add(target.dataset.id);
      else this.#visible.delete(target.dataset.id);
    }
    this.reportVisible();
  }

  #renderLive(live, now_ms) {
    const cards = new Map([...$("live").children].map((card) => [card.dataset.id, card]));
    live.forEach((message, place) => {
      const card = cards.get(message.id) ?? this.#addCard(message, place);
      view.updateCard(card, message, now_ms);
      card.hidden = !this.#all && place >= this.#shelf.offers;
      cards.delete(message.id);
    });
    this.#renderRest(live.length);
    for (const card of cards.values()) {
      this.#seen.unobserve(card);
      this.#visible.delete(card.dataset.id);
      card.remove();
    }
  }

  /** What does not fit is counted on a button, which lets all be seen until the page is left. */
  #renderRest(count) {
    const rest = this.#all ? 0 : Math.max(0, count - this.#shelf.offers);
    $("rest").hidden = rest === 0;
    const text = rest === 1 ? "Show one more offer" : `Show ${rest} more offers`;
    if (rest > 0 && $("rest").textContent !== text) $("rest").textContent = text;
  }

  #addCard(message, place) {
    const card = view.offerCard(message, {
      open: () => this.#open(message.id),
      more: (opener) => this.#more(message.id, opener),
      follow: () => this.#footfall.report(deliveryOf(message), "clicked"),
    });
    $("live").insertBefore(card, $("live").children[place] ?? null);
    this.#seen.observe(card);
    return card;
  }
}
