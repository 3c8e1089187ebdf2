// The virtual locker's page: wires the parts and keeps them like the state it is told.
import { LockerApi, Refused } from "./api.js";
import { Display } from "./display.js";
import { Faults } from "./faults.js";
import { Hands } from "./hands.js";
import { Help } from "./help.js";
import { Keypad } from "./keypad.js";
import { Presence } from "./presence.js";
import { Scanner } from "./scanner.js";
import { play, say } from "./sound.js";
import { startTheme } from "./theme.js";
import { html } from "./svg.js";
import { Wall } from "./wall.js";
import { applyWords, celsius, currentLanguage, loadWords, otherLanguage, remember, remembered, t } from "./words.js";

const TOAST_MS = 5000;
const TICK_MS = 250;
// `?kiosk`: a screen in a lobby, without hands and faults. One on end is a kiosk in all else.
const IN_LOBBY = new URLSearchParams(location.search).has("kiosk");
const KIOSK = IN_LOBBY || matchMedia("(min-width: 1000px) and (max-aspect-ratio: 3/4)").matches;
const PHONE = matchMedia("(max-width: 699px)"), CALM = matchMedia("(prefers-reduced-motion: reduce)");
const find = (id) => document.getElementById(id);
const api = new LockerApi(decodeURIComponent(location.pathname.slice(1)));

startTheme(find("theme"));
document.documentElement.dataset.kiosk = IN_LOBBY ? "yes" : "no";
if (IN_LOBBY) stayHere(document.querySelector(".bar-home"));
await loadWords();
const [plan, kinds] = await Promise.all([api.plan(), api.kinds()]);
const BEEP_EVERY_MS = 1500;
const TUNE = { done: "done", refused: "refused", stuck: "stuck", left_open: "beep" };
let state = null, toastTimer = 0;

const wall = new Wall(find("wall"), plan, touched);
const clock = () => performance.now();
const display = new Display(find("display"), plan, clock);
const help = new Help(find("help"), plan);
const presence = new Presence(document, clock, { forgets: KIOSK, press: (key) => act("keys", { key }), changed: forgotten });
const keypad = new Keypad(find("keypad"), (key) => act("keys", { key }));
const hands = new Hands(find("hands"), plan, act);
const faults = new Faults(find("faults"), plan, kinds, act);
new Scanner(find("scanner"), scanned);
const sound = extra("sound", "on"), voice = extra("voice", "on");

find("language").addEventListener("click", () => { presence.speak(otherLanguage()); speak(); });
speak();
setInterval(() => { display.count(); presence.tick(); }, TICK_MS);
setInterval(beep, BEEP_EVERY_MS);
api.follow(update, connected);

// Everything there is in words, in the language now chosen.
function speak() {
  applyWords();
  const name = currentLanguage() === "zh" ? plan.name_zh : plan.name_en;
  document.title = `${name} · ${t("page.title")}`;
  find("locker-name").textContent = `${name} ${plan.locker_id}`;
  wall.name(`${name} ${plan.locker_id}`);
  help.speak();
  if (state) update(state);
}

function update(next) {
  const before = state;
  state = next;
  wall.update(next);
  keypad.update(next);
  hands.update(next);
  faults.update(next);
  presence.update(next);
  cold(next.zones);
  const said = display.update(next);
  if (said) announce(said, before);
  if (before && shutNow(before, next) && sound.on()) play("shut");
  document.documentElement.dataset.ready = "yes";
}

// In a lobby no link leads away.
function stayHere(home) {
  home.removeAttribute("href");
  delete home.dataset.wordLabel;
}

// As long as the display asks for a door to be shut.
function beep() {
  if (sound.on() && state?.show?.screen === "left_open") play("beep");
}

function announce(said, before) {
  const doors = said.doors ?? [];
  const text = { go: doors.join(" ") || "✓", stop: "✕", dark: "", look: "···", idle: said.typed ?? t("display.head") }[said.tone];
  wall.showOnHead(said.tone, text, doors.length > 2);
  const stuck = said.screen === "stuck" && !before?.stuck.length;
  if (!before || !state.show || (state.shown === before.shown && !stuck)) return;
  if (sound.on()) play(TUNE[said.screen] ?? "open");
  if (voice.on()) say(said.spoken);
  if (PHONE.matches) find(said.tone === "go" ? "wall" : "display").scrollIntoView({ block: "start", behavior: CALM.matches ? "auto" : "smooth" });
}

// What each zone is at now, by the locker's own probes; without power nobody knows.
function cold(zones) {
  find("cold").replaceChildren(...zones.map((zone) => html("li", { "data-known": zone.air_c === null ? "no" : "yes", "data-zone": zone.zone },
    `${t(`zone.${zone.zone}`)} `, html("b", {}, zone.air_c === null ? "– –" : `${celsius(zone.air_c)}C`))));
}

// The next person finds the screen as it was.
function forgotten() {
  help.close();
  sound.put(true);
  voice.put(true);
  speak();
}

function shutNow(before, next) {
  return next.doors.some((door, at) => door.state === "shut" && before.doors[at].state !== "shut" && before.doors[at].state !== "jammed");
}

// A shut door holds; an open one is pushed shut by its leaf, and filled or emptied through its opening.
function touched(number, part) {
  const door = state.doors.find((each) => each.door === number);
  const open = door.state === "open" || door.state === "ajar";
  hands.choose(number);
  faults.choose(number);
  wall.choose(number);
  if (!open) wall.nudge(number);
  else if (part === "leaf") act(`doors/${number}`, { action: "shut" });
  else act(`doors/${number}`, { action: door.bags > 0 ? "take" : "put" });
}

async function scanned(text) {
  await act("scan", { text });
}

async function act(what, body) {
  try {
    update(await api.post(what, body));
  } catch (error) {
    toast(t("page.error", { message: error instanceof Refused ? error.message : t("page.lost") }));
  }
}

function connected(well) {
  if (!well) toast(t("page.lost"), true);
  else if (find("toast").dataset.lasting === "yes") find("toast").hidden = true;
}

function toast(text, lasting = false) {
  const box = find("toast");
  clearTimeout(toastTimer);
  box.textContent = text;
  box.dataset.lasting = lasting ? "yes" : "no";
  box.hidden = false;
  if (!lasting) toastTimer = setTimeout(() => { box.hidden = true; }, TOAST_MS);
}

// An on-off button; in a kiosk it is on again for the next person.
function extra(id, otherwise) {
  const button = find(id);
  const put = (on) => button.setAttribute("aria-pressed", String(on));
  put(((KIOSK ? null : remembered(id)) ?? otherwise) === "on");
  const on = () => button.getAttribute("aria-pressed") === "true";
  button.addEventListener("click", () => {
    put(!on());
    if (!KIOSK) remember(id, on() ? "on" : "off");
  });
  return { on, put };
}
