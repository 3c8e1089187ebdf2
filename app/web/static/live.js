/*
 * Hears which of the page's topics changed and lets the page's live parts ask again: it triggers `changed` on <body>.
 * One stream a page. When it is lost the page says so and asks every 10 s; when it is back, the page asks once.
 */
(() => {
  "use strict";
  const POLL_MS = 10000;
  const LOST_AFTER_MS = 4000;
  const GATHER_MS = 120;

  const start = () => {
    const url = document.body.dataset.live;
    if (!url) return;
    let lostTimer = 0;
    let pollTimer = 0;
    let gatherTimer = 0;

    const changed = () => {
      clearTimeout(gatherTimer);
      gatherTimer = setTimeout(() => document.body.dispatchEvent(new CustomEvent("changed")), GATHER_MS);
    };
    let heardAt = new Date();
    const showLost = (lost) => {
      document.documentElement.dataset.liveState = lost ? "lost" : "heard"; // the style sheet makes old numbers look old
      const line = document.getElementById("live-lost");
      if (!line) return;
      const time = line.querySelector("time");
      if (time) time.textContent = heardAt.toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
      line.hidden = !lost;
    };
    const found = () => {
      clearTimeout(lostTimer);
      lostTimer = 0;
      if (pollTimer) {
        clearInterval(pollTimer);
        pollTimer = 0;
        showLost(false);
      }
    };
    const lost = () => {
      if (lostTimer || pollTimer) return;
      heardAt = new Date();
      lostTimer = setTimeout(() => {
        lostTimer = 0;
        showLost(true);
        pollTimer = setInterval(changed, POLL_MS);
      }, LOST_AFTER_MS);
    };

    let source = null;
    const listen = () => {
      source = new EventSource(url);
      source.addEventListener("open", () => {
        found();
        changed(); // what happened between the page and its stream was told to nobody
      });
      source.addEventListener("changed", changed);
      source.addEventListener("error", () => {
        lost();
        if (source.readyState === EventSource.CLOSED) setTimeout(listen, POLL_MS);
      });
    };
    listen();
    // A phone that slept has missed notices and often does not know that its stream is dead.
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState !== "visible") return;
      if (source.readyState === EventSource.CLOSED) listen();
      changed();
    });
    window.addEventListener("pagehide", () => source.close());
    window.addEventListener("pageshow", (event) => {
      if (event.persisted) listen();
    });
  };

  // Who stood on something that is gone now stands at the head of its part, not at the top of the page.
  let stoodIn = null;
  document.addEventListener("htmx:before:swap", () => {
    const part = document.activeElement && document.activeElement.closest("[hx-get][id]");
    stoodIn = part ? part.id : null;
  });
  document.addEventListener("htmx:after:swap", () => {
    const part = stoodIn && document.getElementById(stoodIn);
    stoodIn = null;
    if (!part || (document.activeElement && document.activeElement !== document.body)) return;
    part.tabIndex = -1;
    part.focus({ preventScroll: true });
  });

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
