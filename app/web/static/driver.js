/*
 * A driver's visit: send what was scanned or tapped, show what the site answered, sound what changed. It remembers
 * nothing but whether sounds are wanted; the page's #loop and #acts are read again whenever something may have changed,
 * so a reload is always safe. What cannot be sent goes to driver_queue.js, which comes before it; where labels are
 * scanned, camera.js does too. Pages without a loop use the sound switch, the turning code and the forms only.
 */
(() => {
  "use strict";
  const POLL_MS = 700;
  const REFUSAL_MS = 4000;
  const PATIENCE_MS = 8000;
  const LOST = new Set(["TypeError", "TimeoutError", "AbortError"]);
  const STOP = new Set(["refused", "foreign", "full", "first"]); // one long low tone that nobody takes for another
  const SPOKEN_FAULTS = { no_fit: "no_fit", broken: "door_stuck", dirty: "dirty" };
  const TONES = {
    scan: [], open: [740], wait: [], busy: [],
    put: [880], take: [880, 660], wipe: [880, 880], look: [520, 520, 520], shut: [440],
    next: [880, 1320], done: [660, 880, 1320], refused: [140], foreign: [140], full: [140], first: [140], stuck: [220, 220], silent: [160],
    saved: [880],
  };
  const QUIET = "caibox-quiet";

  const form = document.getElementById("scan");
  const input = document.getElementById("label");
  let sound = null;
  let busy = false;
  let heldUntil = 0;

  const queue = window.caiboxQueue;
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
      loudness.gain.value = STOP.has(word) ? 0.35 : 0.2;
      tone.type = STOP.has(word) ? "sawtooth" : "sine";
      tone.frequency.value = pitch;
      tone.connect(loudness).connect(sound.destination);
      tone.start(sound.currentTime + nth * 0.14);
      tone.stop(sound.currentTime + nth * 0.14 + (STOP.has(word) ? 0.9 : 0.12));
    });
    if (navigator.vibrate) navigator.vibrate(STOP.has(word) ? 600 : TONES[word].map(() => 80));
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
    if (queue) document.getElementById("queue").dataset.visit = page.getElementById("queue").dataset.visit;
    const before = `${loop().dataset.word} ${loop().dataset.ref}`;
    if (fresh.outerHTML === loop().outerHTML) return true;
    const bagOf = (part) => (part.closest("[data-bag]") || part).dataset.bag;
    fresh.querySelectorAll("details").forEach((part) => {
      const old = [...loop().querySelectorAll("details")].find((each) => bagOf(each) === bagOf(part));
      if (old) part.open = old.open;
    });
    loop().replaceWith(fresh);
    if (queue) queue.show();
    if (`${fresh.dataset.word} ${fresh.dataset.ref}` !== before) {
      play(fresh.dataset.word);
      fresh.querySelector(".word").scrollIntoView({ block: "nearest" });
    }
    return true;
  };

  /* Without a network the page says itself what it knows: the bag is one of this run, or it is not. */
  const showAlone = (word, ref) => {
    const template = document.getElementById(`word-${word}`);
    if (!template || !loop()) return tellLost();
    const fresh = template.content.firstElementChild.cloneNode(true);
    fresh.querySelectorAll("[data-ref]").forEach((each) => (each.textContent = ref));
    loop().querySelector(".word").replaceWith(fresh);
    loop().dataset.word = word;
    loop().dataset.ref = ref;
    loop().removeAttribute("data-waits");
    play(word);
    fresh.scrollIntoView({ block: "nearest" });
    return undefined;
  };

  const refresh = async () => {
    if (busy || performance.now() < heldUntil) return;
    busy = true;
    try {
      const answer = await fetch(location.pathname, { headers: { Accept: "text/html" } });
      const html = await answer.text();
      if (answer.ok && performance.now() >= heldUntil) show(html); // a refusal may have come meanwhile
    } catch (error) {
      if (!LOST.has(error.name)) throw error; // the network is gone; the page's own line says so
    } finally {
      busy = false;
    }
  };

  /* Whether it reached the service. */
  const send = async (form, body) => {
    form.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(form.action, { method: "POST", body, signal: AbortSignal.timeout(PATIENCE_MS) });
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
      if (!LOST.has(error.name)) throw error;
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

  const refOf = (label) => label.trim().toUpperCase().slice(-8);

  /* What a tap or scan becomes that did not reach the service: a record, never a door that opens later. */
  const keepLoad = async (body) => {
    const label = body.get("label");
    const ref = refOf(label);
    const bags = [...document.querySelectorAll("[data-bag]")].map((bag) => bag.dataset.bag);
    if (bags.length && !bags.includes(ref)) return showAlone("foreign", ref);
    const fault = SPOKEN_FAULTS[body.get("fault")];
    const seen = fault ? { trouble: fault, label, door: Number(body.get("instead_of")) || null } : { label };
    const kept = await queue.keep(fault ? "trouble" : "scan", seen);
    return kept ? showAlone("saved", ref) : showAlone("full", ref);
  };

  // A tap that is under way is not sent twice; the button's own name and value go along.
  document.addEventListener("submit", async (event) => {
    const tapped = event.target;
    if (!tapped.hasAttribute("data-loop")) return;
    event.preventDefault();
    if (tapped.hasAttribute("aria-busy")) return;
    const body = new FormData(tapped, event.submitter);
    if (!(await send(tapped, body))) {
      if (queue && body.has("label")) await keepLoad(body);
      else tellLost();
    }
    if (input) input.focus({ preventScroll: true });
  });

  /* --- records: a tap is kept first and sent then --- */
  const recordOf = (body) => {
    const seen = Object.fromEntries(["trouble", "label", "of"].map((name) => [name, body.get(name)]));
    return Object.fromEntries(Object.entries(seen).filter(([, value]) => value));
  };

  document.addEventListener("submit", async (event) => {
    const { record } = event.target.dataset;
    if (!record || !queue) return;
    event.preventDefault();
    const body = new FormData(event.target, event.submitter);
    const file = event.target.querySelector("[type=file]");
    if (file && !file.files.length) return;
    await queue.keep(record, recordOf(body), file ? file.files[0] : null);
    if (file) event.target.reset();
    if (input) input.focus({ preventScroll: true });
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches(".needs-script [type=file]")) event.target.form.requestSubmit();
  });
  document.addEventListener("queue-full", () => play("full"));
  document.addEventListener("queue-sent", () => {
    if (loop()) refresh();
    else document.body.dispatchEvent(new CustomEvent("changed"));
  });

  /* --- forms whose page must not be lost with the network --- */
  const showPage = (html) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    const fresh = document.adoptNode(page.querySelector("main"));
    fresh.querySelector("#queue").replaceWith(document.getElementById("queue")); // driver_queue.js holds on to it
    document.querySelector("main").replaceWith(fresh);
    const problem = document.querySelector("[data-focus]");
    if (problem) problem.focus();
  };

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.hasAttribute("data-keeps") || !queue) return;
    event.preventDefault();
    if (form.hasAttribute("aria-busy")) return;
    form.setAttribute("aria-busy", "true");
    const body = new FormData(form, event.submitter);
    try {
      if (form.dataset.keeps === "end") await queue.flush(); // what was seen comes before the end
      const answer = await fetch(form.action, { method: "POST", body, signal: AbortSignal.timeout(PATIENCE_MS) });
      if (answer.redirected) location.assign(answer.url);
      else showPage(await answer.text());
    } catch (error) {
      if (!LOST.has(error.name)) throw error;
      if (form.dataset.keeps === "count") await keepCount(body);
      else tellLost();
    } finally {
      form.removeAttribute("aria-busy");
    }
  });

  const keepCount = async (body) => {
    const [crates, packs] = ["crates_back", "ice_packs_back"].map((name) => body.get(name).trim());
    if (![crates, packs].every((typed) => /^\d{1,3}$/.test(typed))) {
      tellLost();
      return;
    }
    const note = body.get("note") || "";
    await queue.keep("count", { crates_back: Number(crates), ice_packs_back: Number(packs), note });
  };

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
    const lost = document.getElementById("my-code-lost");
    ["load", "error"].forEach((event) =>
      code.addEventListener(event, () => {
        code.hidden = event === "error";
        lost.hidden = !code.hidden;
      }),
    );
    window.addEventListener("online", turn);
    setInterval(turn, Number(code.dataset.turnsS) * 1000);
  }

  if (!form) return;

  /* Two open doors are how bags get behind the wrong one. A sensor may lie, so the same scan again goes on. */
  let insisted = "";
  const stopped = (label) => {
    const { open, ref, word } = loop().dataset;
    const goesOn = !open || (word !== "first" && refOf(label) === ref) || insisted === label;
    insisted = goesOn ? "" : label;
    if (goesOn) return false;
    showAlone("first", open);
    heldUntil = performance.now() + REFUSAL_MS;
    return true;
  };

  const scanned = async (label) => {
    if (stopped(label)) {
      input.value = "";
      input.focus({ preventScroll: true });
      return;
    }
    const body = new FormData(form);
    body.set("label", label);
    input.value = "";
    if (await send(form, body)) {
      if (queue) queue.flush();
    } else if (queue) await keepLoad(body);
    else {
      tellLost();
      input.value = label;
    }
    input.focus({ preventScroll: true });
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (input.value.trim()) scanned(input.value.trim());
  });

  // A hand scanner types wherever the focus is; what it types is a label unless somebody is writing.
  document.addEventListener("keydown", (event) => {
    const writing = event.target.closest("input, textarea, select");
    if (!writing && event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey)
      input.focus({ preventScroll: true });
  });

  window.caiboxCamera(scanned, ["qr_code"]);
  input.focus({ preventScroll: true });
})();
