/*
 * Where browsers have service workers, the collect page stays readable without a network; where they do not, nothing is
 * missing but that. Says as well when the network goes while the page is open.
 */
(() => {
  "use strict";
  const GATHER_MS = 1500;
  const root = document.documentElement;

  const parts = () =>
    performance
      .getEntriesByType("resource")
      .map((entry) => new URL(entry.name))
      .filter((url) => url.origin === location.origin && url.pathname.startsWith("/static/"))
      .map((url) => url.href);

  const start = async () => {
    const page = document.getElementById("collect");
    const offline = () => root.setAttribute("data-kept", "open");
    const online = () => {
      root.removeAttribute("data-kept");
      document.body.dispatchEvent(new CustomEvent("changed"));
    };
    window.addEventListener("offline", offline);
    window.addEventListener("online", online);
    // Some networks come back without saying so: what the service has answered is no copy any more.
    document.addEventListener("htmx:after:swap", () => navigator.onLine && root.removeAttribute("data-kept"));
    if (!page || !page.dataset.worker || !navigator.serviceWorker) return;
    const address = location.origin + location.pathname;
    const scope = location.pathname;
    const ask = async () => {
      const found = await navigator.serviceWorker.getRegistration(scope);
      const worker = found && (found.active || found.waiting || found.installing);
      if (worker) worker.postMessage({ keep: address, parts: parts(), large: root.classList.contains("large") });
    };
    let timer = 0;
    document.body.addEventListener("changed", () => {
      clearTimeout(timer);
      timer = setTimeout(ask, GATHER_MS);
    });
    if (root.dataset.kept) return; // a copy: nothing newer to keep
    try {
      if (page.querySelector(".qr")) await navigator.serviceWorker.register(page.dataset.worker, { scope });
      await ask();
    } catch {
      // private windows refuse it; the page is the same without
    }
  };

  if (document.readyState === "complete") start();
  else window.addEventListener("load", start);
})();
