// The keypad: twelve buttons, and the keyboard's digits when no field has the focus.
import { grouped } from "./display.js";
import { html } from "./svg.js";
import { t } from "./words.js";

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "back", "0", "enter"];
const SIGN = { back: "⌫", enter: "✓" };
const KEYBOARD = { Backspace: "back", Enter: "enter", Escape: "clear" };

export class Keypad {
  constructor(root, pressed) {
    this.digits = root.querySelector("#digits");
    this.pressed = pressed;
    root.querySelector("#keys").append(...KEYS.map((key) => this.key(key)));
    document.addEventListener("keydown", (event) => this.typed(event));
  }

  key(key) {
    const button = html("button", { type: "button", class: "key", "data-key": key }, SIGN[key] ?? key);
    if (SIGN[key]) button.dataset.wordLabel = `keys.${key}`;
    button.addEventListener("click", () => this.pressed(key));
    return button;
  }

  typed(event) {
    const on = event.target;
    if (event.ctrlKey || event.metaKey || event.altKey || on.matches("input, textarea, select")) return;
    if (/^\d$/.test(event.key)) this.pressed(event.key);
    else if (event.key in KEYBOARD && !on.matches("button, a, summary, label")) this.pressed(KEYBOARD[event.key]);
  }

  update(state) {
    this.digits.textContent = state.digits ? grouped(state.digits) : t("keys.hint");
    this.digits.dataset.empty = state.digits ? "no" : "yes";
  }
}
