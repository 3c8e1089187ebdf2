// The sentences of both languages, and the person's choice between them.
const loaded = {};
let language = chosen();

function chosen() {
  const asked = new URLSearchParams(location.search).get("lang") ?? remembered("language") ?? navigator.language;
  return asked.toLowerCase().startsWith("en") ? "en" : "zh";
}

export function remembered(key) {
  try { return localStorage.getItem(`locker-${key}`); } catch { return null; } // storage may be forbidden
}

export function remember(key, value) {
  try { localStorage.setItem(`locker-${key}`, value); } catch { /* then it lasts as long as the page */ }
}

export const currentLanguage = () => language;
export const otherLanguage = () => (language === "zh" ? "en" : "zh");

export async function loadWords() {
  await Promise.all(["zh", "en"].map(async (each) => { loaded[each] = await (await fetch(`/words/${each}.json`)).json(); }));
}

export function setLanguage(next, for_good = true) {
  language = next;
  if (for_good) remember("language", next);
}

export function t(key, values = {}, of = language) {
  const sentence = loaded[of]?.[key] ?? key;
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

// "column 2, third from the top"
export function whereIs(door, of = language) {
  return t("door.where", { column: door.column, row: t(`door.row.${door.row}`, {}, of) }, of);
}

export const celsius = (value) => `${value.toFixed(1).replace("-", "−")}°`;

export function applyWords(root = document) {
  document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
  for (const element of root.querySelectorAll("[data-word]")) element.textContent = t(element.dataset.word);
  for (const element of root.querySelectorAll("[data-word-label]")) element.setAttribute("aria-label", t(element.dataset.wordLabel));
}
