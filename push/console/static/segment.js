// Makes rows of a segment's rule, writes them back into its field, and counts while somebody builds.

const form = document.querySelector("form[data-rule]");
const field = document.getElementById("f-rule");
const told = JSON.parse(document.getElementById("builder").textContent);

const OPS = {
  is: "is", is_not: "is not", one_of: "is one of", none_of: "is none of", at_least: "is at least", at_most: "is at most",
  between: "is between", contains: "contains", begins: "begins with", known: "is known", unknown: "is not known",
  after: "is after", before: "is before", within_days: "is within days", not_within_days: "is not within days",
  ahead_days: "is ahead within days", every_year_in_days: "comes round within days",
};
const KINDS = { fact: "A fact", did: "Did something", place: "Was in a store", consent: "Agreed to", segment: "Is in a segment" };
const GROUPS = { all: "all of these", any: "one of these", none: "none of these" };
const LISTS = new Set(["one_of", "none_of", "between"]);
const NOTHING = new Set(["known", "unknown"]);

const make = (tag, given = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), given);
  made.append(...children);
  return made;
};

const select = (label, options, value) => {
  const made = make("select", { ariaLabel: label });
  for (const [key, text] of options) made.append(new Option(text, key, false, key === value));
  return made;
};

const input = (label, value = "", given = {}) =>
  make("input", { ariaLabel: label, value: value ?? "", autocomplete: "off", spellcheck: false, ...given });

const opsOf = (fact) =>
  told.facts.find(({ name }) => name === fact || (name.endsWith("*") && fact.startsWith(name.slice(0, -1))))?.ops ??
  Object.keys(OPS);

// What was typed, as JSON has it: numbers are numbers, yes and no are true and false.
const value = (text) => {
  const plain = text.trim();
  if (plain === "yes" || plain === "true") return true;
  if (plain === "no" || plain === "false") return false;
  return plain !== "" && Number.isFinite(Number(plain)) ? Number(plain) : plain;
};
const shown = (one) => (Array.isArray(one) ? one.join(", ") : one === true ? "yes" : one === false ? "no" : `${one ?? ""}`);
const number = (text) => (text.trim() === "" ? undefined : Number(text));

// --- leaves: what each is edited with, and read back from ---

const leaves = {
  fact(rule) {
    const fact = input("Fact", rule.fact ?? "figures.orders");
    fact.setAttribute("list", "facts");
    const op = select("Compares", [], "");
    const to = input("With", shown(rule.value));
    const fit = () => {
      const kept = op.value || rule.op;
      const fitting = opsOf(fact.value);
      op.replaceChildren(...fitting.map((key) => new Option(OPS[key], key, false, key === kept)));
      to.hidden = NOTHING.has(op.value);
      to.placeholder = LISTS.has(op.value) ? "with commas between" : "";
    };
    fact.addEventListener("change", fit);
    op.addEventListener("change", fit);
    fit();
    const read = () => {
      const found = { kind: "fact", fact: fact.value.trim(), op: op.value };
      if (!NOTHING.has(op.value)) found.value = LISTS.has(op.value) ? to.value.split(",").map(value) : value(to.value);
      return found;
    };
    return [[fact, op, to], read];
  },
  did(rule) {
    const event = input("Event", rule.event ?? "Order Completed");
    const least = input("Times at least", rule.least ?? 1, { type: "number", min: 1, className: "few" });
    const days = input("Within days; empty is ever", rule.within_days ?? "", { type: "number", min: 1, className: "few", placeholder: "ever" });
    const read = () => ({
      kind: "did", event: event.value.trim(), least: Number(least.value) || 1,
      ...(number(days.value) === undefined ? {} : { within_days: number(days.value) }),
      ...(rule.where?.length ? { where: rule.where } : {}),
    });
    return [[event, make("span", { textContent: "at least" }), least, make("span", { textContent: "times in days" }), days], read];
  },
  place(rule) {
    const store = select("Store", [["", "any store"], ...told.stores], rule.store ?? "");
    const hours = input("Within hours; empty is now", rule.within_hours ?? "", { type: "number", min: 0, className: "few", placeholder: "now" });
    const read = () => ({
      kind: "place",
      ...(store.value ? { store: store.value } : {}),
      ...(rule.zone && rule.store === store.value ? { zone: rule.zone } : {}),
      ...(number(hours.value) === undefined ? {} : { within_hours: number(hours.value) }),
    });
    return [[store, make("span", { textContent: "within hours" }), hours], read];
  },
  consent(rule) {
    const purpose = select("Purpose", told.purposes, rule.purpose ?? "marketing");
    return [[purpose], () => ({ kind: "consent", purpose: purpose.value })];
  },
  segment(rule) {
    const known = told.segments?.length && (!rule.segment || told.segments.some(([id]) => id === rule.segment));
    const name = known ? select("Segment", told.segments, rule.segment) : input("Its id", rule.segment);
    return [[name], () => ({ kind: "segment", segment: name.value.trim() })];
  },
};

// --- rows ---

const remover = (row, what) => {
  const made = make("button", { type: "button", className: "plain small", textContent: "Remove" });
  made.setAttribute("aria-label", `Remove this ${what}`);
  made.addEventListener("click", () => {
    const next = row.nextElementSibling ?? row.parentElement.parentElement;
    row.remove();
    next.querySelector("select, input, button")?.focus();
    changed();
  });
  return made;
};

const leaf = (rule) => {
  const row = make("li", { className: "condition" });
  const kind = select("Kind of condition", Object.entries(KINDS), rule.kind);
  const parts = make("span", { className: "parts" });
  const draw = (from) => {
    const [controls, read] = leaves[kind.value](from);
    parts.replaceChildren(...controls);
    row.read = read;
  };
  kind.addEventListener("change", () => draw({}));
  draw(rule);
  row.append(kind, parts, remover(row, "condition"));
  return row;
};

const group = (rule, isRoot = false) => {
  const isNone = rule.kind === "not" && rule.of.kind === "any";
  const row = make(isRoot ? "div" : "li", { className: "group" });
  const how = select("Of this group", Object.entries(GROUPS), isNone ? "none" : rule.kind);
  const list = make("ul", {}, ...(isNone ? rule.of.of : rule.of).map(part));
  const add = (text, rule) => {
    const made = make("button", { type: "button", className: "small", textContent: text });
    made.addEventListener("click", () => {
      const one = part(rule());
      list.append(one);
      one.querySelector("select, input").focus();
      changed();
    });
    return made;
  };
  row.append(
    make("p", { className: "row" }, how, ...(isRoot ? [] : [remover(row, "group")])),
    list,
    make("p", { className: "row" }, add("Add a condition", () => ({ kind: "fact" })), add("Add a group", () => ({ kind: "any", of: [{ kind: "fact" }] }))),
  );
  row.setAttribute("role", isRoot ? "group" : "listitem");
  if (isRoot) row.setAttribute("aria-label", "Who is in it");
  row.read = () => {
    const of = [...list.children].map((one) => one.read());
    return how.value === "none" ? { kind: "not", of: { kind: "any", of } } : { kind: how.value, of };
  };
  return row;
};

function part(rule) {
  if (rule.kind === "all" || rule.kind === "any") return group(rule);
  if (rule.kind === "not") return group(rule.of.kind === "any" ? rule : { kind: "not", of: { kind: "any", of: [rule.of] } });
  return leaf(rule);
}

// --- the field, and the count ---

let root;
let waiting;
let latest = 0;

function changed() {
  field.value = JSON.stringify(root.read());
  form.dispatchEvent(new Event("input", { bubbles: true }));
  clearTimeout(waiting);
  stopAsking();
  waiting = setTimeout(count, 400);
}

async function count() {
  const mine = (latest += 1);
  const body = new URLSearchParams(new FormData(form));
  body.set("do", "count");
  try {
    const answer = await fetch(form.action, { method: "POST", body, redirect: "error" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (mine !== latest) return;
    const place = document.getElementById("counted");
    const wrong = page.getElementById("w-rule");
    if (wrong) place.replaceChildren(make("h2", { textContent: "Not yet a rule" }), make("p", { className: "quiet", textContent: wrong.textContent }));
    else place.replaceChildren(...document.importNode(page.getElementById("counted"), true).childNodes);
    offerExact(place);
  } catch {
    // The server is away: what was counted last stays, and the next change asks again.
  }
}

// --- everybody, asked in the background ---

const EXACT = "/v1/segments/preview/count";
let watching = 0;

const exact = (method, body) =>
  fetch(EXACT, {
    method,
    body: body && JSON.stringify(body),
    headers: { "X-Footfall-CSRF": form.elements.csrf.value, ...(body ? { "Content-Type": "application/json" } : {}) },
  });

// An estimate can be made exact; whoever changes the rule ends that.
function offerExact(place) {
  if (!place.querySelector("[data-estimate]")) return;
  const button = make("button", { type: "button", className: "small", textContent: "Ask everybody" });
  button.addEventListener("click", () => askEverybody(place));
  place.append(make("p", {}, button));
}

async function askEverybody(place) {
  const mine = (watching += 1);
  const bar = make("progress", { ariaLabel: "Asked so far" });
  const says = make("p", { className: "quiet", textContent: "Asking everybody …" });
  const cancel = make("button", { type: "button", className: "small", textContent: "Leave it" });
  cancel.addEventListener("click", () => {
    stopAsking();
    count();
  });
  place.replaceChildren(make("h2", { textContent: "How many?" }), bar, says, make("p", {}, cancel));
  let answer = await exact("POST", { rule: JSON.parse(field.value) }).catch(() => undefined);
  while (mine === watching) {
    if (!answer?.ok) return says.replaceChildren("The server cannot count just now. The estimate still holds.");
    const { asked, people, fitting, is_done } = await answer.json();
    if (mine !== watching) return;
    if (is_done) return tellExact(place, fitting, asked);
    Object.assign(bar, { max: Math.max(people, 1), value: asked });
    says.textContent = `${asked} of ${people} asked, ${fitting} of them would be in it.`;
    await new Promise((resolve) => setTimeout(resolve, 500));
    if (mine === watching) answer = await exact("GET").catch(() => undefined);
  }
}

function tellExact(place, fitting, asked) {
  const figure = make("div", { className: "figure" }, make("b", { textContent: fitting.toLocaleString("en") }), make("p", {
    textContent: `would be in it: of ${asked.toLocaleString("en")} people, all of them asked`,
  }));
  figure.dataset.tone = "people";
  place.replaceChildren(figure);
}

function stopAsking() {
  if (watching === 0) return;
  watching += 1;
  exact("DELETE").catch(() => {}); // it ends by itself, too
}

const start = () => {
  let rule;
  try {
    rule = JSON.parse(field.value);
  } catch {
    return; // what was typed by hand and is no JSON stays for her to mend
  }
  const top = rule?.kind === "all" || rule?.kind === "any" || rule?.kind === "not" ? rule : { kind: "all", of: rule?.kind ? [rule] : [] };
  root = top.kind === "not" ? part(top) : group(top, true);
  const facts = make("datalist", { id: "facts" });
  for (const { name, meaning } of told.facts) facts.append(make("option", { value: name.replace("*", ""), label: meaning }));
  const holder = make("div", { className: "builder" }, root, facts);
  const raw = make("details", { className: "small" }, make("summary", { textContent: "As JSON" }));
  const place = field.closest(".field");
  place.before(holder);
  if (!document.getElementById("w-rule")) {
    place.replaceWith(raw);
    raw.append(place);
  }
  for (const button of form.querySelectorAll("[data-condition]")) {
    button.parentElement.hidden = false;
    button.onclick = () => {
      const one = part(JSON.parse(button.dataset.condition));
      root.querySelector("ul").append(one);
      one.querySelector("select, input").focus();
      changed();
    };
  }
  holder.addEventListener("change", changed);
  holder.addEventListener("input", changed);
  field.addEventListener("change", () => {
    holder.remove();
    start();
  }, { once: true });
};

if (form && !form.querySelector("fieldset").disabled) {
  start();
  form.querySelector('[value="count"]').addEventListener("click", (event) => {
    event.preventDefault();
    count();
  });
}
