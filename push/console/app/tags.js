/**
 * Her cards and fobs: a code that led here is asked about, claimed once she says yes, kept while nobody answers; what is
 * hers is listed, and given up when it is lost. Claiming is not consenting: no consent changes by any of it.
 *
 *     code in the address ─▶ kept ─▶ (joined) ─▶ "Is this card yours?" ─yes─▶ claimed, or why not
 *                                                                       `─ no answer ─▶ kept, tried again by itself
 */

import { OfflineError, ProblemError } from "./footfall.js";
import * as view from "./view.js";

const { $ } = view;

/** The server reads no longer ones. */
const LONGEST_CODE = 64;
const RETRY_FIRST_MS = 2000;
const RETRY_MOST_MS = 300_000;
/** How the ids begin of tags that an app was issued for its own phone. */
const PHONES_OWN = "tag_";

/** The code of a card that led here, taken out of the address at once: no history, link or log has it from us. */
export function codeInAddress() {
  const code = new URLSearchParams(location.hash.slice(1)).get("claim");
  if (code !== null) history.replaceState(null, "", location.pathname + location.search);
  return code?.trim().slice(0, LONGEST_CODE) || undefined;
}

export class Tags {
  #footfall;
  #on;
  #trying = false;
  #retry;
  #failures = 0;

  /** `on.located()`: whether she allows location; `on.locate()` allows it; `on.refused()`: the device is not known. */
  constructor(footfall, on) {
    this.#footfall = footfall;
    this.#on = on;
    $("tags-form").onsubmit = (event) => this.#typed(event);
    $("claim").onclose = () => this.#answered();
  }

  /** A code that was scanned or typed; asked about once she has joined. */
  async arrive(code) {
    await this.#footfall.keepClaim({ code, yes: false, at_ms: Date.now() });
    await this.resume();
  }

  /** Go on with a code that waits: ask about it, or try again what she said yes to. */
  async resume() {
    const claim = await this.#footfall.keptClaim();
    if (!claim) return;
    if (!this.#footfall.registered) this.#sayThatItWaits();
    else if (claim.yes) await this.#try(claim);
    else this.#ask(claim.code);
  }

  /** Show what is hers. */
  async load() {
    try {
      this.#list(await this.#footfall.tags());
    } catch (error) {
      $("tags-list").dataset.stale = "yes";
      this.#say(`Not known just now. ${view.reason(error)}`);
    }
  }

  /** There is a network again. */
  async online() {
    if ($("tags-list").dataset.stale) await this.load();
    if (this.#retry) await this.resume();
  }

  /** Try no more; what was kept goes with everything else that is kept. */
  stop() {
    clearTimeout(this.#retry);
    this.#retry = undefined;
  }

  async #typed(event) {
    event.preventDefault();
    const code = $("tags-code").value.trim();
    if (!code) return $("tags-code").focus();
    $("tags-form").reset();
    await this.arrive(code);
  }

  #sayThatItWaits() {
    view.notice("claim", {
      tone: "teal",
      title: "A card waits for you",
      text: "Join first, with whatever you choose below; then you are asked whether it is yours. Until then nobody hears of its code.",
    });
  }

  #ask(code) {
    view.dismiss("claim");
    $("claim-code").textContent = code;
    $("claim-consent").textContent = this.#on.located()
      ? "You allow location: once it is yours, the store notices you by it, too, until you withdraw that."
      : "Claiming it allows nothing. Where you are is used only once you allow location, which is a choice of its own.";
    $("claim").returnValue = "";
    if (!$("claim").open) $("claim").showModal();
  }

  /** Whatever else closes the dialog is no "yes": then the code is forgotten. */
  async #answered() {
    const claim = await this.#footfall.keptClaim();
    if ($("claim").returnValue !== "yes" || !claim) return this.#footfall.dropClaim();
    const agreed = { ...claim, yes: true };
    await this.#footfall.keepClaim(agreed);
    await this.#try(agreed);
  }

  async #try(claim) {
    if (this.#trying) return;
    this.#trying = true;
    this.stop();
    try {
      const tag = await this.#footfall.claim(claim.code);
      await this.#over();
      this.#hers(tag);
      await this.load();
    } catch (error) {
      await this.#failed(error);
    } finally {
      this.#trying = false;
    }
  }

  async #over() {
    this.#failures = 0;
    await this.#footfall.dropClaim();
  }

  #hers(tag) {
    const located = this.#on.located();
    this.#tell({
      tone: "teal",
      title: `${nameOf(tag)} is yours`,
      text: located
        ? "You allow location, so the store notices you by it. Withdraw that under “Your choices” at any time."
        : "Nothing else changed: where you are is used only once you allow location.",
      ...(located ? {} : { label: "Allow location", action: () => this.#locate() }),
    });
  }

  /** Consent, asked for by a button of its own. */
  async #locate() {
    try {
      await this.#on.locate();
      this.#tell({ tone: "teal", title: "Location is allowed", text: "Withdraw it under “Your choices” at any time." });
    } catch (error) {
      this.#tell({ title: "That did not work", text: `Nothing was allowed. ${view.reason(error)}` });
    }
  }

  async #failed(error) {
    if (!(error instanceof OfflineError) && !(error instanceof ProblemError)) throw error;
    if (error.status === 429 || error.status === 408 || !(error.status < 500)) return this.#later(error);
    await this.#over();
    if (error.status === 401 || error.status === 403) return this.#on.refused();
    const title = { 404: "No card has this code", 409: "This card is somebody’s already" }[error.status];
    this.#tell({ tone: "red", title: title ?? "That card cannot be claimed", text: error.message });
  }

  /** Nobody took it, and nobody refused it: kept, and tried again once there is a network, or after a growing pause. */
  #later(error) {
    const pause_ms = Math.max(error.retry_after_ms ?? 0, Math.min(RETRY_MOST_MS, RETRY_FIRST_MS * 2 ** this.#failures++));
    this.#retry = setTimeout(() => this.resume(), pause_ms);
    this.#tell({
      title: "Your card is not claimed yet",
      text: `${view.reason(error)} Its code is kept on this device and tried again by itself.`,
      label: "Try now",
      action: () => this.resume(),
    });
  }

  #tell(notice) {
    view.notice("claim", notice);
    view.announce(`${notice.title}. ${notice.text}`);
    scrollTo(0, 0);
    $("main").focus({ preventScroll: true });
  }

  #list(tags) {
    delete $("tags-list").dataset.stale;
    $("tags-list").replaceChildren(...tags.map((tag) => this.#row(tag)));
    $("tags-list").hidden = tags.length === 0;
    this.#say(tags.length === 0 ? "None yet. Scan the code on one with your phone’s camera, or type it here." : "");
  }

  #row({ beacon, rotating }) {
    const row = view.tagRow(nameOf(beacon), rotating);
    row.querySelector("button").addEventListener("click", () => this.#lose(beacon));
    return row;
  }

  #say(text) {
    $("tags-said").textContent = text;
  }

  /** Asked once more, because a finder cannot claim a lost one, and she neither. */
  async #lose(beacon) {
    const dialog = $("lost");
    $("lost-title").textContent = `Give up ${nameOf(beacon)}?`;
    dialog.returnValue = "";
    dialog.showModal();
    await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
    if (!["lost", "given"].includes(dialog.returnValue)) return;
    try {
      await this.#footfall.giveUp(beacon, { lost: dialog.returnValue === "lost" });
      await this.load();
      this.#tell({ tone: "grey", title: `${nameOf(beacon)} is not yours any more`, text: "From now on nobody knows you by it." });
    } catch (error) {
      if (error.status === 401) return this.#on.refused();
      this.#tell({ title: "That did not work", text: `It is still yours. ${view.reason(error)}` });
    }
  }
}

function nameOf(beacon) {
  return beacon.startsWith(PHONES_OWN) ? "Your phone’s own tag" : beacon;
}
