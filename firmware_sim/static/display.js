// The display in the locker's head: what the gateway wants said, as sentences in both languages. It knows nothing but
// that message and the locker's own contacts, as a real one does.
import { html } from "./svg.js";
import { currentLanguage, otherLanguage, t, whereIs } from "./words.js";

const WITH_DOORS = new Set(["opening", "reopened", "load", "loaded", "check", "remove", "left_open"]);
const TONE = { opening: "go", reopened: "go", load: "go", loaded: "go", check: "go", remove: "go", left_open: "stop", done: "go", visit: "go", refused: "stop" };
const SIGN = { go: "✓", stop: "✕", look: "!", idle: "", dark: "" };

// What there is to say, before it is put into words.
function matterOf(state) {
  if (!state.power) return { key: "display.dark", tone: "dark" };
  if (state.digits) return { typed: state.digits, tone: "idle" };
  const show = state.show;
  if (show && state.stuck.length) return { ...show, doors: state.stuck, others: show.doors, screen: "stuck", tone: "look", key: "display.stuck" };
  if (show) return { ...show, tone: TONE[show.screen], key: show.screen === "refused" ? `refusal.${show.refusal}` : `display.${show.screen}` };
  return state.linked ? { key: "display.idle", tone: "idle" } : { key: "display.offline", tone: "look" };
}

function sentences(matter, language) {
  if (matter.typed) return { title: grouped(matter.typed), todo: t("display.typing_do", {}, language) };
  const doors = matter.doors ?? [];
  const values = { doors: doors.join(t("page.and", {}, language)), n: doors.length, wait: matter.wait_s };
  const many = (WITH_DOORS.has(matter.screen) || matter.screen === "stuck") && doors.length > 1 ? "_many" : "";
  const todo_key = matter.screen === "refused" ? `${matter.key}.do` : `${matter.key}_do`;
  return { title: t(matter.key + many, values, language), todo: t(todo_key, values, language) };
}

export const grouped = (digits) => digits.replace(/^(\d{2})(\d{0,3})(\d*)$/, "$1 $2 $3").trim();

export class Display {
  constructor(root, plan, now) {
    this.root = root;
    this.now = now;
    this.rooms = new Map(plan.doors.map((door) => [door.door, door]));
    this.find = (id) => root.querySelector(`#display-${id}`);
    this.until = 0;
  }

  // Returns what was said when it is new, for the voice and the small screen on the cabinet.
  update(state) {
    const matter = matterOf(state);
    if (state.wait_left_ms > 0 || !this.until) this.until = state.wait_left_ms ? this.now() + state.wait_left_ms : 0;
    this.list(this.places(matter, state));
    this.count();
    const stamp = JSON.stringify([state.shown, matter, currentLanguage()]);
    if (stamp === this.stamp) return null;
    this.stamp = stamp;
    const now = sentences(matter, currentLanguage()), other = sentences(matter, otherLanguage());
    this.root.dataset.tone = matter.tone;
    this.root.dataset.screen = matter.screen ?? (matter.key ?? "display.typing").split(".")[1];
    this.root.dataset.refusal = matter.refusal ?? "";
    this.root.classList.toggle("typed", Boolean(matter.typed));
    this.find("sign").textContent = SIGN[matter.tone];
    this.find("title").textContent = now.title;
    this.find("do").textContent = now.todo;
    this.find("other").lang = otherLanguage() === "zh" ? "zh-Hans" : "en";
    this.find("other").textContent = matter.typed ? "" : `${other.title} · ${other.todo}`;
    return { ...matter, spoken: [now.title, ...this.spokenPlaces(matter), now.todo].join(" ") };
  }

  // Only what has changed: a screen reader says again whatever is put there again.
  list(places) {
    const root = this.find("doors"), now = places.map((place) => place.textContent).join("|");
    if (now === this.listed) return;
    this.listed = now;
    root.replaceChildren(...places);
  }

  known(matter) {
    const doors = matter.others ?? (WITH_DOORS.has(matter.screen) ? matter.doors : null) ?? [];
    return doors.filter((door) => this.rooms.has(door));
  }

  // Each door with its place, and what its own contact says of it.
  places(matter, state) {
    return this.known(matter).map((door) => {
      const contact = state.doors.find((each) => each.door === door).contact;
      const word = state.stuck.includes(door) ? "stuck" : contact === "open" ? "open" : "";
      return html("li", { "data-is": word }, html("span", { class: "display-number" }, String(door)), html("span", {}, whereIs(this.rooms.get(door))),
        ...(word ? [html("span", { class: "display-is" }, t(`display.door_${word}`))] : []));
    });
  }

  spokenPlaces(matter) {
    const doors = matter.screen === "stuck" ? matter.doors : this.known(matter);
    return doors.filter((door) => this.rooms.has(door)).map((door) => `${t("door.name", { door })}, ${whereIs(this.rooms.get(door))}.`);
  }

  // The pause of the keypad, counted down in figures; that it is over is told in words.
  count() {
    const left = Math.ceil((this.until - this.now()) / 1000);
    const paused = Boolean(this.until) && left > 0;
    this.find("timer").hidden = !paused;
    if (paused) this.find("timer").textContent = t("display.paused", { time: clock(left) });
    else if (this.until) this.find("over").textContent = t("display.paused_over");
    if (!paused) this.until = 0;
    else this.find("over").textContent = "";
    return paused;
  }
}

const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
