// The display in the locker's head: what the gateway wants said, as sentences in both languages.
import { html } from "./svg.js";
import { currentLanguage, otherLanguage, t, whereIs } from "./words.js";

const WITH_DOORS = new Set(["opening", "reopened", "load", "loaded", "check", "remove", "left_open"]);
const TONE = { opening: "go", reopened: "go", load: "go", loaded: "go", check: "go", remove: "go", left_open: "stop", done: "go", visit: "go", refused: "stop" };

// What there is to say, before it is put into words.
function matterOf(state) {
  if (!state.power) return { key: "display.dark", tone: "dark" };
  if (state.digits) return { typed: state.digits, tone: "idle" };
  const show = state.show;
  if (show) return { ...show, tone: TONE[show.screen], key: show.screen === "refused" ? `refusal.${show.refusal}` : `display.${show.screen}` };
  return state.linked ? { key: "display.idle", tone: "idle" } : { key: "display.offline", tone: "look" };
}

function sentences(matter, language) {
  if (matter.typed) return { title: grouped(matter.typed), todo: t("display.typing_do", {}, language) };
  const doors = matter.doors ?? [];
  const values = { doors: doors.join(t("page.and", {}, language)), n: doors.length, wait: matter.wait_s };
  const many = WITH_DOORS.has(matter.screen) && doors.length > 1 ? "_many" : "";
  const todo_key = matter.screen === "refused" ? `${matter.key}.do` : `${matter.key}_do`;
  return { title: t(matter.key + many, values, language), todo: t(todo_key, values, language) };
}

export const grouped = (digits) => digits.replace(/^(\d{2})(\d{0,3})(\d*)$/, "$1 $2 $3").trim();

export class Display {
  constructor(root, plan) {
    this.root = root;
    this.rooms = new Map(plan.doors.map((door) => [door.door, door]));
    this.find = (id) => root.querySelector(`#display-${id}`);
    this.until = 0;
    setInterval(() => this.count(), 250);
  }

  // Returns what was said, for the voice and the small screen on the cabinet.
  update(state) {
    const matter = matterOf(state);
    const now = sentences(matter, currentLanguage()), other = sentences(matter, otherLanguage());
    const stamp = JSON.stringify([state.shown, matter, currentLanguage()]);
    if (stamp === this.stamp) return null;
    this.stamp = stamp;
    this.root.dataset.tone = matter.tone;
    this.root.dataset.screen = matter.screen ?? (matter.key ?? "display.typing").split(".")[1];
    this.root.dataset.refusal = matter.refusal ?? "";
    this.root.classList.toggle("typed", Boolean(matter.typed));
    this.find("title").textContent = now.title;
    this.find("do").textContent = now.todo;
    this.find("other").lang = otherLanguage() === "zh" ? "zh-Hans" : "en";
    this.find("other").textContent = matter.typed ? "" : `${other.title} · ${other.todo}`;
    this.find("doors").replaceChildren(...this.places(matter));
    this.until = matter.wait_s ? performance.now() + matter.wait_s * 1000 : 0;
    this.count();
    return { ...matter, spoken: [now.title, ...this.spokenPlaces(matter), now.todo].join(" ") };
  }

  known(matter) {
    return WITH_DOORS.has(matter.screen) ? (matter.doors ?? []).filter((door) => this.rooms.has(door)) : [];
  }

  places(matter) {
    return this.known(matter).map((door) => html("li", {}, html("span", { class: "display-number" }, String(door)), whereIs(this.rooms.get(door))));
  }

  spokenPlaces(matter) {
    return this.known(matter).map((door) => `${t("door.name", { door })}, ${whereIs(this.rooms.get(door))}.`);
  }

  count() {
    const left = Math.ceil((this.until - performance.now()) / 1000);
    this.find("timer").textContent = this.until && left > 0 ? `${left} s` : "";
  }
}
