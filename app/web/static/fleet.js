/*
 * Keeps the page of all lockers new without moving what somebody points at: lines stay where they are, what is over says
 * so, and what is new waits in a bar until it is asked for. Without an answer everything looks old, and says so.
 */
(() => {
  "use strict";
  const OLD_AFTER = 2;

  const start = () => {
    const fleet = document.getElementById("fleet");
    if (!fleet) return;
    const news = document.getElementById("fleet-news");
    const list = () => document.getElementById("fleet-lines");
    let waiting = null;
    let missed = 0;
    let asking = false;

    /* Takes over what differs, piece by piece, so that focus and pointer stay on what they were on. */
    const sync = (old, fresh) => {
      if (old.isEqualNode(fresh)) return;
      const alike = old.nodeName === fresh.nodeName && old.childNodes.length === fresh.childNodes.length;
      if (old.nodeType === Node.TEXT_NODE && alike) {
        old.nodeValue = fresh.nodeValue;
        return;
      }
      if (!alike && old.nodeName !== fresh.nodeName) {
        old.replaceWith(fresh.cloneNode(true));
        return;
      }
      for (const { name, value } of fresh.attributes || []) if (!kept(old, name)) old.setAttribute(name, value);
      for (const { name } of [...(old.attributes || [])]) if (!fresh.hasAttribute(name) && !kept(old, name)) old.removeAttribute(name);
      if (alike) [...old.childNodes].forEach((child, n) => sync(child, fresh.childNodes[n]));
      else old.replaceChildren(...fresh.cloneNode(true).childNodes);
    };
    const kept = (node, name) => name === "tabindex" || (name === "hidden" && node.id === "fleet-news");

    const rows = (of) => new Map([...(of ? of.children : [])].map((row) => [row.dataset.key, row]));
    /* Also of the lines that have no place among those shown: what only moved down is not over, what moved up not new. */
    const keys = (of) => new Set([...rows(of).keys(), ...((of && of.dataset.more) || "").split(" ").filter(Boolean)]);
    let known = keys(list());

    const show = (page) => {
      for (const id of ["fleet-held", "fleet-head", "mosaic"]) {
        const [old, fresh] = [document.getElementById(id), page.getElementById(id)];
        if (old && fresh) sync(old, fresh);
      }
      const fresh = rows(page.getElementById("fleet-lines"));
      const all = keys(page.getElementById("fleet-lines"));
      const here = rows(list());
      for (const [key, row] of here) {
        const now = fresh.get(key);
        if (all.has(key)) {
          row.querySelector(".fleet-over")?.remove();
          row.classList.remove("over");
          if (now) sync(row, now);
        } else if (!row.classList.contains("over")) {
          const word = document.createElement("span");
          word.className = "pill ok fleet-over";
          word.textContent = fleet.dataset.over;
          row.classList.add("over");
          row.append(word);
        }
      }
      const count = [...all].filter((key) => !known.has(key)).length;
      waiting = page;
      news.hidden = count === 0;
      const words = count === 1 ? fleet.dataset.newOne : fleet.dataset.newMany.replace("#", String(count));
      if (news.textContent !== words) news.textContent = words;
    };

    const old = (yes) => {
      fleet.classList.toggle("is-old", yes);
      fleet.querySelector(".fleet-old").hidden = !yes;
      fleet.querySelector(".fleet-fresh").classList.toggle("stale", yes);
    };

    const ask = async () => {
      if (asking || document.visibilityState !== "visible") return;
      asking = true;
      try {
        const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "error" });
        if (!answer.ok) throw new Error(String(answer.status));
        show(new DOMParser().parseFromString(await answer.text(), "text/html"));
        missed = 0;
        old(false);
      } catch {
        missed += 1;
        if (missed >= OLD_AFTER) old(true);
      } finally {
        asking = false;
      }
    };

    news.addEventListener("click", () => {
      const fresh = waiting && waiting.getElementById("fleet-lines");
      if (!fresh) return;
      const found = document.importNode(fresh, true);
      const first = [...found.children].find((row) => !known.has(row.dataset.key));
      list().replaceWith(found);
      known = keys(found);
      news.hidden = true;
      first?.querySelector("a, button")?.focus();
    });

    document.body.addEventListener("changed", ask);
    document.addEventListener("visibilitychange", ask);
    setInterval(ask, Number(fleet.dataset.every));
    roam(document.getElementById("mosaic"));
  };

  /* One stop for the Tab key, arrows within: a thousand links are no thousand stops. */
  const roam = (mosaic) => {
    const across = () => {
      const top = mosaic.firstElementChild.offsetTop;
      const next = [...mosaic.children].findIndex((each) => each.offsetTop > top);
      return next < 0 ? mosaic.children.length : next;
    };
    const step = { ArrowRight: () => 1, ArrowLeft: () => -1, ArrowDown: across, ArrowUp: () => -across() };
    mosaic.addEventListener("keydown", (event) => {
      const all = [...mosaic.children];
      const at = all.indexOf(document.activeElement);
      if (at < 0) return;
      const to = event.key === "Home" ? 0 : event.key === "End" ? all.length - 1 : step[event.key] ? at + step[event.key]() : at;
      if (to === at || !all[to]) return;
      event.preventDefault();
      all[to].focus();
    });
    mosaic.addEventListener("focusin", (event) => {
      for (const each of mosaic.querySelectorAll('[tabindex="0"], :not([tabindex])')) each.tabIndex = -1;
      event.target.tabIndex = 0;
    });
  };

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
