/*
 * The one tap that begins a visit: asks for the camera once, lets sounds be played and the screen stay on, and keeps the
 * visit's pages for a lobby without network (driver_worker.js). All of it is a help; the visit begins without it, too.
 */
(() => {
  "use strict";
  const PATIENCE_MS = 8000;
  const STARTED = "caibox-started";

  const after = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

  const askCamera = async () => {
    if (!navigator.mediaDevices || !navigator.mediaDevices.getUserMedia) return;
    try {
      const camera = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      camera.getTracks().forEach((track) => track.stop());
    } catch {
      // No camera, or refused: hand scanners and the locker's own do the same.
    }
  };

  const prepare = async () => {
    sessionStorage.setItem(STARTED, "1");
    if (navigator.storage && navigator.storage.persist) navigator.storage.persist().catch(() => {});
    await Promise.race([askCamera(), after(PATIENCE_MS)]);
  };

  document.addEventListener(
    "submit",
    async (event) => {
      const form = event.target;
      if (!form.hasAttribute("data-start") || form.dataset.prepared) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      form.dataset.prepared = "1";
      form.setAttribute("aria-busy", "true");
      await prepare();
      form.requestSubmit();
    },
    true,
  );

  /* --- the screen stays on --- */
  const stayOn = async () => {
    if (!sessionStorage.getItem(STARTED) || document.visibilityState !== "visible" || !navigator.wakeLock) return;
    await navigator.wakeLock.request("screen").catch(() => {});
  };
  stayOn();
  document.addEventListener("visibilitychange", stayOn);

  /* --- pages for a lobby without network --- */
  const worker = document.body.querySelector("[data-worker]");
  if (!worker || !("serviceWorker" in navigator)) return;

  const own = (url) => url && new URL(url, location.href).origin === location.origin;
  const files = () => {
    const named = [...document.querySelectorAll("script[src], link[rel=stylesheet], link[rel=icon], img[src]")];
    const loaded = performance.getEntriesByType("resource").map((entry) => entry.name);
    return [...new Set([...named.map((each) => each.src || each.href), ...loaded])].filter(own);
  };
  const pages = () => [location.pathname, ...[...document.querySelectorAll("a[data-keep]")].map((each) => each.href)];

  const tell = (active, what) =>
    new Promise((resolve) => {
      const channel = new MessageChannel();
      channel.port1.onmessage = (event) => resolve(event.data.done);
      active.postMessage(what, [channel.port2]);
    });

  const keepPages = async () => {
    try {
      await navigator.serviceWorker.register(worker.dataset.worker);
      const { active } = await navigator.serviceWorker.ready;
      const badge = document.getElementById("works-offline");
      const done = await tell(active, { keep: { pages: pages(), files: files() } });
      if (badge) badge.hidden = !(done || navigator.serviceWorker.controller);
    } catch (error) {
      // A private window, or no network yet: the page works as before, and says nothing of working offline.
      if (!["TypeError", "SecurityError", "InvalidStateError"].includes(error.name)) throw error;
    }
  };
  if (document.readyState === "complete") keepPages();
  else window.addEventListener("load", keepPages);

  // Whoever signs out leaves nothing to see. What was not sent stays: it is theirs, and only they can send it.
  document.addEventListener("submit", (event) => {
    if (!event.target.action.endsWith("/sign-out")) return;
    ["pages", "files"].forEach((name) => caches.delete(`caibox-driver-${name}-1`));
  });
})();
