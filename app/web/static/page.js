/*
 * Small kindnesses, none of them needed: focus on what went wrong, sharing, copying, forms that are sent once.
 */
(() => {
  "use strict";

  const focusFirst = (root) => {
    const target = root.querySelector("[data-focus]");
    if (target) target.focus();
  };

  document.addEventListener("DOMContentLoaded", () => {
    focusFirst(document);
    // Where one is, in a row of links too long for the screen.
    document.querySelectorAll(".chips, .top nav").forEach((row) => {
      const here = row.querySelector("[aria-current]");
      if (here) row.scrollLeft = here.offsetLeft - row.offsetLeft - (row.clientWidth - here.clientWidth) / 2;
    });
  });

  // A browser thinks half a link is enough to see of the one that has the focus.
  document.addEventListener("focusin", (event) => {
    if (event.target.closest(".chips, .top nav")) event.target.scrollIntoView({ block: "nearest", inline: "nearest" });
  });

  // A double tap on "pay" must not ask twice. The server would answer the same, but the second answer is the slower one.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.hasAttribute("data-once")) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "1";
    form.setAttribute("aria-busy", "true");
  });
  window.addEventListener("pageshow", () => {
    document.querySelectorAll("form[data-sent]").forEach((form) => {
      delete form.dataset.sent;
      form.removeAttribute("aria-busy");
    });
  });

  // Whoever signs out may hand the phone on: what it kept of collect pages goes, too.
  document.addEventListener("submit", (event) => {
    if (!event.target.action.endsWith("/sign-out") || !navigator.serviceWorker) return;
    caches.delete("collect-kept");
    navigator.serviceWorker.getRegistrations().then((all) => {
      for (const one of all.filter((each) => each.scope.includes("/c/"))) {
        if (one.active) one.active.postMessage({ forget: true });
        one.unregister();
      }
    });
  });

  // Radios and switches that may send their form by themselves; without script their button does.
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-send-on-change]");
    if (form) form.requestSubmit();
  });

  const say = (words, kind = "ok") => {
    const status = document.getElementById("status");
    status.textContent = "";
    const line = document.createElement("p");
    line.className = `notice ${kind}`;
    line.textContent = words;
    status.append(line);
    setTimeout(() => line.remove(), 6000);
  };

  // A tap that never left the phone; a live part that asks by itself is silent, its page says that the stream is lost.
  document.addEventListener("htmx:error", (event) => {
    const asked = event.detail.ctx && event.detail.ctx.request;
    if (asked && asked.method !== "GET") say(document.getElementById("status").dataset.offline, "stop");
  });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-share]");
    if (!button) return;
    const url = new URL(button.dataset.share, location.href).href;
    try {
      if (navigator.share) await navigator.share({ title: button.dataset.title, url });
      else {
        await navigator.clipboard.writeText(url);
        say(button.dataset.copied);
      }
    } catch (error) {
      if (error.name !== "AbortError") say(url);
    }
  });
})();
