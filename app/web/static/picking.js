/*
 * The picker's walk: send what was scanned, tapped or typed, show the answer in #loop, sound what it means; look again when
 * another picker changed something. It remembers nothing; without it the same forms are sent the ordinary way.
 */
(() => {
  "use strict";
  const TONES = { tote: [880], put: [880, 1320], done: [660, 880, 1320], refused: [220, 160] };

  const input = document.getElementById("code");
  let sound = null;
  let busy = false;
  let turn = 0;
  let heldUntil = 0; // a refusal stays readable whatever others do
  const REFUSAL_MS = 4000;

  const play = (word) => {
    if (!sound || !TONES[word]) return;
    TONES[word].forEach((pitch, nth) => {
      const tone = sound.createOscillator();
      const loudness = sound.createGain();
      loudness.gain.value = 0.2;
      tone.frequency.value = pitch;
      tone.connect(loudness).connect(sound.destination);
      tone.start(sound.currentTime + nth * 0.14);
      tone.stop(sound.currentTime + nth * 0.14 + 0.12);
    });
    if (navigator.vibrate) navigator.vibrate(TONES[word].map(() => 80));
  };

  const show = (answer, html) => {
    turn += 1;
    heldUntil = answer.ok ? 0 : performance.now() + REFUSAL_MS;
    const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("loop");
    if (answer.ok && (!fresh || new URL(answer.url).pathname !== location.pathname)) {
      location.assign(answer.url); // a line to weigh, or the sign-in
      return;
    }
    if (!fresh) {
      const notice = new DOMParser().parseFromString(html, "text/html").querySelector(".notice, .summary");
      document.getElementById("status").replaceChildren(...(notice ? [notice] : []));
      play("refused");
      return;
    }
    document.getElementById("loop").replaceWith(fresh);
    document.getElementById("status").replaceChildren();
    if (answer.ok) history.replaceState(null, "", answer.url);
    window.scrollTo(0, 0);
    play(fresh.dataset.word);
  };

  const send = async (body, action) => {
    if (busy) return;
    busy = true;
    const typed = input.value;
    input.value = "";
    try {
      const answer = await fetch(action, { method: "POST", body });
      show(answer, await answer.text());
    } catch (error) {
      input.value = typed;
      if (error.name !== "TypeError") throw error;
      const status = document.getElementById("status");
      status.textContent = status.dataset.offline;
    } finally {
      busy = false;
      input.focus({ preventScroll: true });
    }
  };

  // Another picker at the same wave: what they did shows, without a sound, and never under a code being typed.
  document.body.addEventListener("changed", async () => {
    if (busy || input.value || performance.now() < heldUntil) return;
    const before = turn;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("loop");
      const loop = document.getElementById("loop");
      if (turn === before && answer.ok && fresh && fresh.outerHTML !== loop.outerHTML) loop.replaceWith(fresh);
    } catch (error) {
      if (error.name !== "TypeError") throw error; // the network is gone; the page's own line says so
    }
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.hasAttribute("data-loop")) return;
    event.preventDefault();
    if (!sound && window.AudioContext) sound = new AudioContext();
    send(new FormData(form, event.submitter), form.action);
  });

  window.caiboxCamera(
    (code) => {
      const form = document.getElementById("scan");
      const body = new FormData(form);
      body.set("code", code);
      return send(body, form.action);
    },
    ["qr_code", "ean_13", "ean_8", "code_128"],
  );
  input.focus({ preventScroll: true });
})();
