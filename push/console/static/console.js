// What every page does better with script; each works without it.

for (const form of document.querySelectorAll("form")) {
  // Twice is once: a second click while the first is on its way sends nothing.
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    if (form.method === "post") {
      form.dataset.sent = "yes";
      setTimeout(() => delete form.dataset.sent, 4000);
    }
  });
}
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

for (const button of document.querySelectorAll("[data-close]")) {
  button.addEventListener("click", () => button.closest(".toast, dialog")?.remove());
}

for (const link of document.querySelectorAll("[data-dialog]")) {
  const dialog = document.getElementById(link.dataset.dialog);
  link.addEventListener("click", (event) => {
    event.preventDefault();
    dialog.showModal();
  });
  for (const no of dialog.querySelectorAll("[data-no]")) {
    no.addEventListener("click", (event) => {
      event.preventDefault();
      dialog.close();
    });
  }
}

// A dialog that the server opened (without script it simply stands on the page) becomes a modal one.
for (const dialog of document.querySelectorAll("dialog[open]")) {
  dialog.close();
  dialog.showModal();
}

for (const select of document.querySelectorAll("select[data-go]")) {
  select.form.querySelector("[data-without]").hidden = true;
  select.addEventListener("change", () => select.form.requestSubmit());
}

// The link in the server's log brings the set-up code along, where no proxy sees it.
const code = new URLSearchParams(location.hash.slice(1)).get("code");
if (code && location.pathname === "/console/setup") {
  document.getElementById("f-code").value = code;
  history.replaceState(null, "", location.pathname);
  document.getElementById("f-name").focus();
}

// What is wrong is where the focus goes.
document.querySelector('[aria-invalid="true"]')?.focus();

// Leaving with something typed and not saved asks first.
for (const form of document.querySelectorAll("form[data-keep]")) {
  let typed = form.dataset.keep === "typed";
  form.addEventListener("input", () => { typed = true; });
  form.addEventListener("submit", () => { typed = false; });
  addEventListener("beforeunload", (event) => { if (typed) event.preventDefault(); });
}
