/* Lets the shown times tick at the demo's rate. The server's figure is the truth; this only moves it along. */
"use strict";
const shown = document.querySelector("[data-civil-ms]");
const language = document.documentElement.lang;
const loadedAt = performance.now();
const tick = () => {
  const civil = Number(shown.dataset.civilMs) + (performance.now() - loadedAt) * Number(shown.dataset.rate);
  shown.querySelectorAll("[data-zone]").forEach((place) => {
    const format = { timeZone: place.dataset.zone, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
    place.textContent = new Intl.DateTimeFormat(language, format).format(civil);
  });
};
tick();
setInterval(tick, 250);
