// The virtual locker's page: wires the parts and keeps them like the state it is told.
import { LockerApi, Refused } from "./api.js";
import { Display } from "./display.js";
import { Faults } from "./faults.js";
import { Hands } from "./hands.js";
import { Keypad } from "./keypad.js";
import { Scanner } from "./scanner.js";
import { play, say } from "./sound.js";
import { startTheme } from "./theme.js";
import { Wall } from "./wall.js";
import { applyWords, currentLanguage, loadWords, otherLanguage, remember, remembered, setLanguage, t } from "./words.js";

const TOAST_MS = 5000;
const PHONE = matchMedia("(max-width: 699px)"), CALM = matchMedia("(prefers-reduced-motion: reduce)");
const find = (id) => document.getElementById(id);
const api = new LockerApi(decodeURIComponent(location.pathname.slice(1)));

startTheme(find("theme"));
await loadWords();
const [plan, kinds] = await Promise.all([api.plan(), api.kinds()]);
const BEEP_EVERY_MS = 1500;
let state = null, toastTimer = 0;

const wall = new Wall(find("wall"), plan, touched);
const display = new Display(find("display"), plan);
const keypad = new Keypad(find("keypad"), (key) => act("keys", { key }));
const hands = new Hands(find("hands"), plan, act);
const faults = new Faults(find("faults"), plan, kinds, act);
new Scanner(find("scanner"), scanned);
const sound = extra("sound", "on"), voice = extra("voice", "off");

find("language").addEventListener("click", () => { setLanguage(otherLanguage()); speak(); });
speak();
setInterval(beep, BEEP_EVERY_MS);
api.follow(update, connected);

// Everything there is in words, in the language now chosen.
function speak() {
  applyWords();
  const name = currentLanguage() === "zh" ? plan.name_zh : plan.name_en;
  document.title = `${name} · ${t("page.title")}`;
  find("locker-name").textContent = `${name} ${plan.locker_id}`;
  wall.name(`${name} ${plan.locker_id}`);
  if (state) update(state);
}

function update(next) {
  const before = state;
  state = next;
  wall.update(next);
  keypad.update(next);
  hands.update(next);
  faults.update(next);
  const said = display.update(next);
  if (said) announce(said, before);
  if (before && shutNow(before, next) && sound.on()) play("click");
  document.documentElement.dataset.ready = "yes";
}

// As long as the display asks for a door to be shut.
function beep() {
  if (sound.on() && state?.show?.screen === "left_open") play("beep");
}

function announce(said, before) {
  const doors = said.doors ?? [];
  const text = { go: doors.join(" ") || "✓", stop: "✕", dark: "", look: "···", idle: said.typed ?? t("display.head") }[said.tone];
  wall.showOnHead(said.tone, text, doors.length > 2);
  if (!before || state.shown === before.shown || !state.show) return;
  if (sound.on()) play(said.screen === "done" ? "done" : said.tone === "stop" ? "stop" : "go");
  if (voice.on()) say(said.spoken);
  if (PHONE.matches) find(said.tone === "go" ? "wall" : "display").scrollIntoView({ block: "start", behavior: CALM.matches ? "auto" : "smooth" });
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

// A remembered on-off button.
function extra(id, otherwise) {
  const button = find(id);
  const show = (on) => button.setAttribute("aria-pressed", String(on));
  show((remembered(id) ?? otherwise) === "on");
  const on = () => button.getAttribute("aria-pressed") === "true";
  button.addEventListener("click", () => { show(!on()); remember(id, on() ? "on" : "off"); });
  return { on };
}
