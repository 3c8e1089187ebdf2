// Talks to the locker. What it refuses becomes a sentence; order of hands is kept.
import { currentLanguage, t } from "./words.js";

let queue = Promise.resolve();

export class Refused extends Error {}

export class LockerApi {
  constructor(locker) {
    this.base = `/api/${encodeURIComponent(locker)}/`;
  }

  async plan() {
    return (await fetch(`${this.base}plan`)).json();
  }

  async kinds() {
    return (await (await fetch("/api/faults")).json()).kinds;
  }

  // One after the other, so that fast keys arrive as they were pressed.
  post(what, body) {
    const sent = queue.then(() => this.send(what, body));
    queue = sent.catch(() => {});
    return sent;
  }

  async send(what, body) {
    const headers = { "Content-Type": "application/json", "Accept-Language": currentLanguage() };
    const response = await fetch(this.base + what, { method: "POST", headers, body: JSON.stringify(body) });
    const answer = await response.json();
    if (!response.ok) throw new Refused(t(`problem.${answer.code}`));
    return answer;
  }

  // The state now, and again whenever it changes.
  follow(told, connection) {
    const stream = new EventSource(`${this.base}events`);
    stream.addEventListener("message", (event) => { connection(true); told(JSON.parse(event.data)); });
    stream.addEventListener("error", () => connection(false));
  }
}
