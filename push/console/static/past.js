// A floor's past: hours are chosen by two sliders, and the page takes over what they mean while they are moved.

import { part, take } from "./take.js";

const form = document.getElementById("when");
const main = document.getElementById("main");
const stale = document.getElementById("stale");

for (const field of form.querySelectorAll("[data-change]")) {
  field.addEventListener("change", () => { if (form.reportValidity()) form.requestSubmit(); });
}

/** Without script there are buttons; what is taken over brings them along. */
const hideButtons = () => { for (const button of main.querySelectorAll("[data-without]")) button.hidden = true; };
hideButtons();

/** The address of what the form says now. */
const address = () => `${form.getAttribute("action")}?${new URLSearchParams(new FormData(form))}`;

const complain = (text) => {
  stale.replaceChildren();
  if (!text) return;
  const note = document.createElement("div");
  note.className = "note stale";
  note.dataset.tone = "soon";
  note.append(Object.assign(document.createElement("div"), { textContent: text }));
  stale.append(note);
};

let asking = new AbortController();
const show = async () => {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  const wanted = address();
  main.setAttribute("aria-busy", "true");
  try {
    const fresh = await part(wanted, "main", signal);
    if (!fresh) throw new Error("no answer");
    take(main, fresh);
    hideButtons();
    history.replaceState(null, "", wanted);
    complain("");
  } catch (error) {
    if (error.name === "AbortError") return;
    main.removeAttribute("aria-busy");
    complain("The server does not answer. What is shown is from before; move a slider to ask again.");
  }
};

const sliders = [...document.querySelectorAll("[data-slide]")];
const saysHours = () => {
  const hours = sliders.map((slider) => Number(slider.value));
  for (const slider of sliders) slider.setAttribute("aria-valuetext", `${slider.value}:00`);
  const said = document.getElementById("hours-said");
  if (said) said.textContent = `${Math.min(...hours)}:00 to ${Math.max(...hours)}:00`;
};

let waiting = 0;
for (const slider of sliders) {
  slider.addEventListener("input", () => {
    saysHours();
    clearTimeout(waiting);
    waiting = setTimeout(show, 150);
  });
}
