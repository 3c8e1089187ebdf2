/*
 * Says while a weight is typed whether it fits the band that stands beside it. It decides nothing: the form is sent as it is.
 */
(() => {
  "use strict";
  const whole = (input) => (/^\d+$/.test(input.value.trim()) ? Number(input.value) : null);

  document.querySelectorAll(".weigh-band").forEach((band) => {
    const form = band.closest("form");
    const words = band.dataset;
    const told = band.querySelector("output");

    const tell = () => {
      const [gross, tare] = [whole(form.elements.gross), whole(form.elements.tare)];
      band.classList.remove("fits", "wrong");
      told.textContent = "";
      if (gross === null || tare === null) return;
      const net = gross - tare;
      const light = net < Number(words.least);
      const heavy = words.most && net > Number(words.most);
      band.classList.add(light || heavy ? "wrong" : "fits");
      told.textContent = (light ? words.light : heavy ? words.heavy : words.fits).replace("{n}", net);
    };
    form.addEventListener("input", tell);
    tell();
  });
})();
