/*
 * A driver's visit: send what was scanned or tapped, show what the site answered, sound what changed. It remembers
 * nothing but whether sounds are wanted; the page's #loop and #acts are read again whenever something may have changed,
 * so a reload is always safe. Pages without a loop use the sound switch and the turning code only. Where
 * labels are scanned, camera.js comes before it.
 */
(() => {
  "use strict";
  const POLL_MS = 700;
  const REFUSAL_MS = 4000;
  const TONES = {
    scan: [], open: [740], wait: [], busy: [],
    put: [880], take: [880, 660], wipe: [880, 880], look: [520, 520, 520], shut: [440],
    next: [880, 1320], done: [660, 880, 1320], refused: [220, 160], stuck: [220, 220], silent: [160],
  };
  const QUIET = "caibox-quiet";

  const form = document.getElementById("scan");
  const input = document.getElementById("label");
  let sound = null;
  let busy = false;
  let heldUntil = 0;

  const loop = () => document.getElementById("loop");
  const quiet = () => localStorage.getItem(QUIET) === "1";

  // Browsers let a page sound only after somebody touched it.
  const wake = () => {
    if (!sound && window.AudioContext) sound = new AudioContext();
    if (sound && sound.state === "suspended") sound.resume();
  };
  document.addEventListener("pointerdown", wake);
  document.addEventListener("keydown", wake);

  const soundSwitch = document.getElementById("sound");
  const showSwitch = () => {
    soundSwitch.setAttribute("aria-pressed", String(!quiet()));
    soundSwitch.querySelector("[data-words]").textContent = quiet() ? soundSwitch.dataset.off : soundSwitch.dataset.on;
  };
  if (soundSwitch) {
    soundSwitch.hidden = false;
    showSwitch();
    soundSwitch.addEventListener("click", () => {
      if (quiet()) localStorage.removeItem(QUIET);
      else localStorage.setItem(QUIET, "1");
      showSwitch();
      play("next");
    });
  }

  const play = (word) => {
    if (!sound || quiet() || !TONES[word]) return;
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

  const showActs = (page) => {
    const fresh = page.getElementById("acts");
    const old = document.getElementById("acts");
    if (!fresh || !old || fresh.isEqualNode(old)) return;
    const held = old.contains(document.activeElement);
    old.replaceWith(fresh);
    const first = held && fresh.querySelector("button, a");
    if (first) first.focus({ preventScroll: true });
  };

  const show = (html) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    const fresh = page.getElementById("loop");
    if (!fresh) return false;
    showActs(page);
    const before = `${loop().dataset.word} ${loop().dataset.ref}`;
    if (fresh.outerHTML === loop().outerHTML) return true;
    fresh.querySelectorAll("details").forEach((part, nth) => {
      const old = loop().querySelectorAll("details")[nth];
      if (old) part.open = old.open;
    });
    loop().replaceWith(fresh);
    if (`${fresh.dataset.word} ${fresh.dataset.ref}` !== before) {
      play(fresh.dataset.word);
      fresh.querySelector(".word").scrollIntoView({ block: "nearest" });
    }
    return true;
  };

  const refresh = async () => {
    if (busy || performance.now() < heldUntil) return;
    busy = true;
    try {
      const answer = await fetch(location.pathname, { headers: { Accept: "text/html" } });
      const html = await answer.text();
      if (answer.ok && performance.now() >= heldUntil) show(html); // a refusal may have come meanwhile
    } catch (error) {
      if (error.name !== "TypeError") throw error; // the network is gone; the page's own line says so
    } finally {
      busy = false;
    }
  };

  const send = async (form, body) => {
    form.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(form.action, { method: "POST", body });
      const html = await answer.text();
      // A refusal stays readable; what else happens meanwhile can wait.
      heldUntil = answer.ok ? 0 : performance.now() + REFUSAL_MS;
      if (!show(html)) {
        const notice = new DOMParser().parseFromString(html, "text/html").querySelector(".notice");
        document.getElementById("status").replaceChildren(...(notice ? [notice] : []));
        play("refused");
      } else document.getElementById("status").replaceChildren();
      return true;
    } catch (error) {
      if (error.name !== "TypeError") throw error;
      tellLost();
      return false;
    } finally {
      form.removeAttribute("aria-busy");
    }
  };

  const tellLost = () => {
    const status = document.getElementById("status");
    const line = document.createElement("p");
    line.className = "notice stop";
    line.textContent = status.dataset.offline;
    status.replaceChildren(line);
    play("silent");
  };

  // A tap that is under way is not sent twice; the button's own name and value go along.
  document.addEventListener("submit", async (event) => {
    const tapped = event.target;
    if (!tapped.hasAttribute("data-loop")) return;
    event.preventDefault();
    if (tapped.hasAttribute("aria-busy")) return;
    await send(tapped, new FormData(tapped, event.submitter));
    if (input) input.focus({ preventScroll: true });
  });

  if (loop()) {
    document.body.addEventListener("changed", refresh);
    setInterval(() => {
      if (loop().hasAttribute("data-waits") && document.visibilityState === "visible") refresh();
    }, POLL_MS);
  }

  /* --- my own code, anew before it ends --- */
  const code = document.getElementById("my-code");
  if (code) {
    const turn = () => {
      code.src = `${code.src.split("?")[0]}?${Math.floor(performance.now())}`;
    };
    setInterval(turn, Number(code.dataset.turnsS) * 1000);
  }

  if (!form) return;

  const scanned = async (label) => {
    const body = new FormData(form);
    body.set("label", label);
    input.value = "";
    if (!(await send(form, body))) input.value = label;
    input.focus({ preventScroll: true });
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (input.value.trim()) scanned(input.value.trim());
  });

  window.caiboxCamera(scanned, ["qr_code"]);
  input.focus({ preventScroll: true });
})();
