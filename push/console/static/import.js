// Hands a file in, follows the import, and offers to do for real what a trial found good.

const form = document.getElementById("import");

const problem = async (answer) => {
  try {
    return (await answer.json()).detail;
  } catch {
    return `The server answered ${answer.status}.`;
  }
};

const note = (text, tone = "now") => {
  const made = document.createElement("div");
  made.className = "note";
  made.dataset.tone = tone;
  made.append(Object.assign(document.createElement("div"), { textContent: text }));
  return made;
};

// The file goes up by XMLHttpRequest: only that says how much of it is gone.
const send = (file, isTrial, csrf, told) => new Promise((resolve, reject) => {
  const call = new XMLHttpRequest();
  call.open("POST", `/v1/imports?dry_run=${isTrial}`);
  call.setRequestHeader("Content-Type", "text/csv");
  call.setRequestHeader("X-Footfall-CSRF", csrf);
  call.upload.addEventListener("progress", ({ loaded, total }) => told((100 * loaded) / total));
  call.addEventListener("load", () => {
    const said = JSON.parse(call.responseText || "{}");
    if (call.status < 300) resolve(said.id);
    else reject(new Error(said.detail ?? `The server answered ${call.status}.`));
  });
  call.addEventListener("error", () => reject(new Error("The file did not arrive: the server is away.")));
  call.send(file);
});

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const look = async (id) => {
  const answer = await fetch(`/console/import/${id}`, { redirect: "error" });
  if (!answer.ok) throw new Error("The import goes on, but the server does not answer just now.");
  return new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
};

if (form) {
  const input = document.getElementById("file");
  const drop = document.getElementById("drop");
  const result = document.getElementById("result");
  const sending = document.getElementById("sending");
  const sent = document.getElementById("sent");
  const buttons = [...form.querySelectorAll("button")];
  let file = null;

  const choose = (chosen) => {
    file = chosen ?? null;
    drop.querySelector("label").textContent = file ? file.name : "Drop a CSV file here, or choose one";
    for (const button of buttons) button.disabled = !file;
    result.replaceChildren();
  };

  const show = (live) => {
    live.id = "";
    live.querySelector(".crumbs")?.remove();
    const title = live.querySelector("h1");
    const heading = document.createElement("h2");
    heading.textContent = title.textContent;
    title.replaceWith(heading);
    result.replaceChildren(document.adoptNode(live));
  };

  const begin = async (isTrial) => {
    for (const button of buttons) button.disabled = true;
    sending.hidden = false;
    sent.value = 0;
    try {
      const id = await send(file, isTrial, form.dataset.csrf, (percent) => { sent.value = percent; });
      sending.hidden = true;
      for (;;) {
        const live = await look(id);
        const { state, errors } = live.dataset;
        show(live);
        if (state === "checked" && errors === "0") offer();
        if (!["receiving", "checking", "applying"].includes(state)) break;
        await wait(700);
      }
    } catch (error) {
      result.replaceChildren(note(error.message));
    }
    sending.hidden = true;
    for (const button of buttons) button.disabled = !file;
  };

  const offer = () => {
    const go = document.createElement("button");
    go.className = "main";
    go.textContent = "Import it now";
    go.addEventListener("click", () => begin(false));
    result.append(go);
    go.focus();
  };

  input.addEventListener("change", () => choose(input.files[0]));
  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, (event) => { event.preventDefault(); drop.dataset.over = ""; });
  }
  for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => { delete drop.dataset.over; });
  drop.addEventListener("drop", (event) => { event.preventDefault(); choose(event.dataTransfer.files[0]); });
  for (const button of buttons) button.addEventListener("click", (event) => {
    event.preventDefault();
    begin(button.dataset.dry === "true");
  });
}

for (const button of document.querySelectorAll("[data-undo]")) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    const answer = await fetch(`/v1/imports/${button.dataset.undo}/undo`, { method: "POST", headers: { "X-Footfall-CSRF": button.dataset.csrf } });
    if (answer.ok) location.reload();
    else button.replaceWith(note(await problem(answer)));
  });
}
