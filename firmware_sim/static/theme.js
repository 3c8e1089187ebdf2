// Light or dark: as the device says until a person chooses.
import { remember, remembered } from "./words.js";

export function startTheme(button) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const show = () => { document.documentElement.dataset.theme = remembered("theme") ?? (dark.matches ? "dark" : "light"); };
  dark.addEventListener("change", show);
  button.addEventListener("click", () => {
    remember("theme", document.documentElement.dataset.theme === "dark" ? "light" : "dark");
    show();
  });
  show();
}
