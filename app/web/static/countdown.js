/*
 * Counts on what the server wrote in words ("4 h 12 min left"): each minute, by the civil clock's rate. Says nothing aloud.
 */
(() => {
  "use strict";
  const began = Date.now();

  const show = () => {
    for (const one of document.querySelectorAll(".left[data-left-s]")) {
      const gone = ((Date.now() - began) / 1000) * Number(one.dataset.rate);
      const minutes = Math.floor((Number(one.dataset.leftS) - gone) / 60);
      const words = minutes < 0 ? one.dataset.over : minutes < 60 ? one.dataset.minutes : one.dataset.hours;
      const said = words.replace("{h}", Math.floor(minutes / 60)).replace("{m}", minutes % 60);
      if (one.textContent !== said) one.textContent = said;
    }
  };
  setInterval(show, 1000);
  window.addEventListener("pageshow", show);
})();
