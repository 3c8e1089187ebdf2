// Help by a human: the number that is printed on the cabinet, always in view, and what one can do until they come.
import { t } from "./words.js";

export class Help {
  constructor(root, plan) {
    this.phone = plan.help_phone;
    this.root = root;
    this.dialog = root.querySelector("#help-dialog");
    this.opener = root.querySelector("#help-open");
    this.opener.addEventListener("click", () => this.dialog.showModal());
    root.querySelector("#help-close").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("click", (event) => { if (event.target === this.dialog) this.dialog.close(); });
  }

  speak() {
    for (const place of this.root.querySelectorAll("[data-phone]")) {
      place.textContent = this.phone || t("help.printed");
      if (this.phone) place.setAttribute("href", `tel:${this.phone.replace(/[^\d+]/g, "")}`);
    }
  }

  close() {
    if (this.dialog.open) this.dialog.close();
  }
}
