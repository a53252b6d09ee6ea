// Says how old a live page is once nothing was heard any more.

const lasting = (ms) => {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  return seconds < 3600 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
};

export class Heard {
  #at = performance.now();
  #box = document.getElementById("stale");
  #word = "";

  /** `afterMs`: silence for so long means that the page is old. */
  constructor(afterMs) {
    setInterval(() => this.#show(afterMs), 1000);
  }

  now(word = "") {
    this.#at = performance.now();
    this.#word = word;
    this.#show(Infinity);
  }

  #show(afterMs) {
    const ms = performance.now() - this.#at;
    const word = this.#word || (ms > afterMs ? `Last heard ${lasting(ms)} ago. The page goes on by itself once the server is back.` : "");
    const note = this.#box.firstElementChild;
    if (!word) {
      note?.remove();
    } else if (note) {
      note.lastElementChild.textContent = word;
    } else {
      const made = document.createElement("div");
      made.className = "note stale";
      made.dataset.tone = "soon";
      made.append(Object.assign(document.createElement("div"), { textContent: word }));
      this.#box.append(made);
    }
  }
}
