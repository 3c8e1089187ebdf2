// The person in front: their language, their letters, what they typed. All of it is for them and goes when they go.
import { Session } from "./session.js";
import { currentLanguage, remember, remembered, setLanguage, t } from "./words.js";

export class Presence {
  // `forgets`: a kiosk, where the next person finds everything as it was; a desk keeps what was chosen.
  constructor(root, now, { forgets, press, changed }) {
    this.session = new Session(now);
    this.forgets = forgets;
    this.press = press;
    this.changed = changed;
    this.digits = "";
    this.shown = null;
    this.language = currentLanguage();
    this.find = (id) => document.getElementById(id);
    this.letters(!forgets && remembered("letters") === "large");
    this.find("letters").addEventListener("click", () => this.choose(!this.large));
    // A key says so by itself; whatever else is touched, "wait" among it, is somebody who is still there.
    root.addEventListener("click", (event) => { if (!event.target.closest("#keys")) this.stay(); });
  }

  choose(large) {
    this.letters(large);
    if (!this.forgets) remember("letters", large ? "large" : "usual");
  }

  speak(language) {
    setLanguage(language, !this.forgets);
  }

  letters(large) {
    this.large = large;
    document.documentElement.dataset.large = large ? "yes" : "no";
    this.find("letters").setAttribute("aria-pressed", String(large));
  }

  // More time, for the digits in the keypad too.
  stay() {
    this.session.touch();
    if (this.digits) this.press("wait");
    this.tick();
  }

  update(state) {
    if (state.digits !== this.digits || (this.shown !== null && state.shown !== this.shown)) this.session.touch();
    this.digits = state.digits;
    this.shown = state.shown;
    this.tick();
  }

  // What somebody would lose by going.
  atStake() {
    return Boolean(this.digits) || (this.forgets && (this.large || currentLanguage() !== this.language));
  }

  tick() {
    const { is, left_s } = this.session.look();
    const warned = is === "leaving" && this.atStake(), box = this.find("leaving");
    if (warned && box.hidden) this.find("leaving-said").textContent = t("display.leaving");
    if (!warned) this.find("leaving-said").textContent = "";
    box.hidden = !warned;
    this.find("leaving-left").textContent = t("display.leaving_left", { n: left_s });
    if (is === "gone") this.go();
  }

  go() {
    this.session.end();
    if (this.digits) this.press("clear");
    if (!this.forgets) return;
    this.letters(false);
    if (currentLanguage() !== this.language) setLanguage(this.language, false);
    this.changed();
  }
}
