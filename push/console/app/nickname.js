/**
 * The field for the name by which screens in stores may greet: shown where `screen` is offered, open once it is granted.
 *
 *     const nickname = new Nickname(footfall);
 *     $("choices").append(nickname.element);   // once
 *     await nickname.update({ offered, granted });   // whenever purposes or choices change
 *
 * The server is the truth: nothing of it is kept here, and withdrawing `screen` erases it there.
 */

import { ProblemError } from "./footfall.js";

const MOST_LETTERS = 20;

export class Nickname {
  #footfall;
  #form = document.createElement("form");
  #input = document.createElement("input");
  #button = document.createElement("button");
  #erase = document.createElement("button");
  #said = document.createElement("p");

  constructor(footfall) {
    this.#footfall = footfall;
    this.#build();
  }

  /** To be put on the page once. */
  get element() {
    return this.#form;
  }

  /** Follow her choices: `offered` says whether the purpose `screen` is, `granted` whether she allows it. */
  async update({ offered, granted }) {
    this.#form.hidden = !offered || !granted;
    if (this.#form.hidden) {
      this.#input.value = "";
      this.#say("");
      return;
    }
    this.#input.disabled = true; // what she typed meanwhile would be replaced by the answer
    await this.#tell(async () => this.#show((await this.#footfall.nickname()) ?? ""));
    this.#input.disabled = false;
  }

  #build() {
    this.#form.className = "nickname";
    this.#form.hidden = true;
    const label = document.createElement("label");
    label.htmlFor = this.#input.id = "nickname";
    label.textContent = "What may screens call you?";
    const hint = document.createElement("p");
    hint.className = "small quiet";
    hint.id = "nickname-hint";
    hint.textContent = "A screen greets you only while you stand right before it and nobody else seems near. Without a name, none does.";
    this.#input.type = "text";
    this.#input.autocomplete = "off";
    this.#input.maxLength = MOST_LETTERS;
    this.#input.dir = "auto";
    this.#input.setAttribute("aria-describedby", "nickname-hint nickname-said");
    this.#button.textContent = "Save name";
    this.#erase.textContent = "Erase name";
    this.#erase.type = "button";
    this.#erase.hidden = true;
    this.#said.id = "nickname-said";
    this.#said.className = "small";
    this.#said.setAttribute("role", "status");
    const actions = document.createElement("p");
    actions.className = "actions";
    actions.append(this.#button, this.#erase);
    this.#form.append(label, hint, this.#input, actions, this.#said);
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#tell(async () => this.#show(await this.#footfall.setNickname(this.#input.value), "Saved."));
    });
    this.#erase.addEventListener("click", () =>
      this.#tell(async () => {
        await this.#footfall.eraseNickname();
        this.#show("", "Erased. No screen greets you.");
      }),
    );
  }

  async #tell(step) {
    this.#button.disabled = this.#erase.disabled = true;
    try {
      await step();
    } catch (error) {
      this.#say(this.#reason(error));
    } finally {
      this.#button.disabled = this.#erase.disabled = false;
    }
  }

  #show(nickname, said = "") {
    this.#input.value = nickname;
    this.#erase.hidden = !nickname;
    this.#say(said);
  }

  #say(text) {
    this.#said.textContent = text;
  }

  #reason(error) {
    return error instanceof ProblemError ? error.message : "The store does not answer. Nothing was changed.";
  }
}
