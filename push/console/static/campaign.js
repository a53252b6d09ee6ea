// What a campaign's form does better with script: it looks at what is typed, adds rows, and puts pieces into the text.

const form = document.getElementById("campaign");
const AFTER_MS = 600;
let waiting;
let latest = 0;

// How it looks to one of its audience, and what is still to be mended, follow what is typed.
async function look(another = false) {
  const mine = (latest += 1);
  const body = new URLSearchParams(new FormData(form));
  body.set("do", "look");
  if (another) body.set("another", "yes");
  try {
    const answer = await fetch(form.action, { method: "POST", body, redirect: "error" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (mine !== latest) return;
    mark(page);
    for (const id of ["preview", "counted", "variants"]) show(document.getElementById(id), page.getElementById(id));
  } catch {
    // The server is away: what was seen last stays, and the next change looks again.
  }
}

// What does not hold is said at its field while she types, as it is when the form is sent; what is folded away opens.
function mark(page) {
  for (const said of form.querySelectorAll(".wrong[id]")) {
    if (page.getElementById(said.id)) continue;
    control(said.id)?.removeAttribute("aria-invalid");
    said.remove();
  }
  for (const said of page.querySelectorAll("#campaign .wrong[id]")) {
    const mine = document.getElementById(said.id);
    const field = control(said.id);
    if (mine) mine.textContent = said.textContent;
    if (mine || !field) continue;
    const behind = field.id === "f-rule" ? form.querySelector(".builder") : field.closest(".tick");
    (behind ?? field.querySelector(":scope > div:not(.cells)") ?? field).after(document.importNode(said, true));
    if (!field.matches(".rows")) field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", `${said.id} ${(field.getAttribute("aria-describedby") ?? "").replace(said.id, "")}`.trim());
    if (field.id !== "f-rule") field.closest("details")?.setAttribute("open", "");
  }
}
const control = (id) => document.getElementById(id.replace("w-", "f-"));

// Where nothing can be shown of what is typed just now, the phone and the number before stay; so does the focus.
function show(place, found) {
  if (!found || (place.id === "counted" && !found.querySelector(".figure"))) return;
  const held = place.contains(document.activeElement) ? document.activeElement.name : "";
  const phone = found.querySelector(".phone") ? undefined : place.querySelector('[aria-labelledby="looks"]');
  place.replaceChildren(...(phone ? [phone] : []), ...document.importNode(found, true).childNodes);
  if (held) form.elements[held]?.focus();
}

form.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(look, AFTER_MS);
});
form.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.name === "another") {
    event.preventDefault();
    look(true);
  }
});

for (const button of form.querySelectorAll("[data-add]")) {
  const rows = form.querySelector(`[data-rows="${button.dataset.add}"]`);
  const empty = rows.lastElementChild.cloneNode(true);
  if (rows.children.length > 1) rows.lastElementChild.remove(); // the spare one is for who has no script
  button.hidden = false;
  button.addEventListener("click", () => {
    const row = empty.cloneNode(true);
    const many = rows.children.length + 1;
    row.setAttribute("aria-label", row.getAttribute("aria-label").replace(/\d+$/, many));
    rows.append(row);
    row.querySelector("input:not([type=hidden]), select").focus();
  });
}

// Pieces go where the cursor was last: into the title, the text, or a cell of a row.
let writing = document.getElementById("f-title");
form.addEventListener("focusin", ({ target }) => {
  if (target.matches("#f-title, #f-body, #f-url, .cell.wide :is(input, textarea)")) writing = target;
});
const pieces = form.querySelector(".pieces");
pieces.hidden = false;
for (const button of pieces.querySelectorAll("[data-insert]")) {
  button.addEventListener("click", () => {
    writing.setRangeText(button.dataset.insert, writing.selectionStart, writing.selectionEnd, "end");
    writing.focus();
    writing.dispatchEvent(new Event("input", { bubbles: true }));
  });
}
