// All lockers of this simulator, each as a small picture of itself.
import { html } from "./svg.js";
import { startTheme } from "./theme.js";
import { Wall } from "./wall.js";
import { applyWords, currentLanguage, loadWords, otherLanguage, setLanguage, t } from "./words.js";

startTheme(document.getElementById("theme"));
await loadWords();
const plans = await (await fetch("/api/lockers")).json();
const cards = await Promise.all(plans.map(card));
document.getElementById("lockers").append(...cards.map(({ element }) => element));
document.getElementById("language").addEventListener("click", () => { setLanguage(otherLanguage()); speak(); });
speak();

async function card(plan) {
  const state = await (await fetch(`/api/${plan.locker_id}/state`)).json();
  const name = html("h2"), doors = html("p"), picture = html("div", { class: "wall" });
  const link = html("a", { class: "index-card", href: `/${plan.locker_id}`, "data-locker": plan.locker_id }, picture, name, doors);
  return { element: html("li", {}, link), plan, state, name, doors, wall: new Wall(picture, plan, () => {}) };
}

function speak() {
  applyWords();
  for (const { plan, state, name, doors, wall } of cards) {
    const said = currentLanguage() === "zh" ? plan.name_zh : plan.name_en;
    name.textContent = `${said} ${plan.locker_id}`;
    doors.textContent = t("page.doors_count", { n: plan.doors.length });
    wall.name(`${said} ${plan.locker_id}`);
    wall.update(state);
  }
}
