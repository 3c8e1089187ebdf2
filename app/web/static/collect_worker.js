/*
 * Keeps one collect page, its QR and what they are drawn with, for a lobby without a network. What is true is asked first,
 * always; the copy serves only when nobody answers, and says so. It is asked for without cookies, so it holds nothing of
 * whoever is signed in. It goes with the order: as soon as the service gives no `Collect-Keep-For`, or its seconds are over.
 */
"use strict";

const KEPT = "collect-kept";
const PARTS = "collect-parts";
const PATIENCE_MS = 6000;
const KEEP_FOR = "Collect-Keep-For"; // seconds: a phone's clock may be wrong
const KEPT_AT = "Kept-At";

const isPage = (url) => /^\/[a-z-]+\/c\/[^/]+$/.test(url.pathname);
const isPicture = (url) => /^\/[a-z-]+\/c\/[^/]+\/qr\.png$/.test(url.pathname);
const isPart = (url) => url.pathname.startsWith("/static/");

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

let signedOut = false;

self.addEventListener("message", (event) => {
  const { keep: page, parts, large, forget: all } = event.data || {};
  if (all) event.waitUntil(forgetAll());
  else if (page) event.waitUntil(keep(new URL(page, self.location.origin), parts || [], Boolean(large)));
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin) return;
  if (event.request.mode === "navigate" && isPage(url)) event.respondWith(showPage(event, url));
  else if (isPicture(url)) event.respondWith(fetch(event.request).catch(() => kept(KEPT, url)));
  else if (isPart(url)) event.respondWith(showPart(event.request, url));
});

async function showPage(event, url) {
  let answer;
  try {
    answer = await soon(fetch(event.request));
    if (answer.status >= 500) throw new Error("the service is away");
  } catch {
    return showKept(url);
  }
  if (answer.type === "basic" && !answer.headers.has(KEEP_FOR)) event.waitUntil(forget(url));
  return answer;
}

async function showKept(url) {
  const page = await kept(KEPT, url);
  if (page.type === "error") return page;
  const age = (Date.now() - Number(page.headers.get(KEPT_AT))) / 1000;
  if (age < Number(page.headers.get(KEEP_FOR))) return page;
  await forget(url);
  return Response.error();
}

async function showPart(request, url) {
  const part = await (await caches.open(PARTS)).match(url.href);
  return part || fetch(request);
}

async function kept(name, url) {
  const found = await (await caches.open(name)).match(url.href, { ignoreSearch: name === KEPT && isPage(url) });
  return found || Response.error();
}

async function keep(url, parts, large) {
  let answer;
  try {
    answer = await fetch(url.href, { credentials: "omit", cache: "no-store" });
  } catch {
    return;
  }
  if (answer.status >= 500 || signedOut) return;
  if (!answer.ok || answer.redirected || !answer.headers.has(KEEP_FOR)) {
    await forget(url);
    return;
  }
  const html = await answer.text();
  const cache = await caches.open(KEPT);
  const marked = html.replace("<html ", `<html data-kept="yes"${large ? ' class="large"' : ""} `);
  const found = /src="([^"]*\/qr\.png[^"]*)"/.exec(html);
  const picture = found ? new URL(found[1].replaceAll("&amp;", "&"), url).href : "";
  if (picture) await store(cache, picture);
  const headers = new Headers(answer.headers);
  headers.set(KEPT_AT, String(Date.now()));
  await cache.put(url.href, new Response(marked, { headers }));
  await clear(cache, url, [url.href, picture]); // an older code's picture
  const drawn = await caches.open(PARTS);
  await Promise.all(parts.map((part) => store(drawn, part)));
  if (signedOut) await forgetAll();
}

async function store(cache, address) {
  if (await cache.match(address)) return;
  try {
    const answer = await fetch(address, { credentials: "omit" });
    if (answer.ok) await cache.put(address, answer);
  } catch {
    // without it the page is plainer, and no less true
  }
}

async function clear(cache, url, except = []) {
  const own = (await cache.keys()).filter((each) => new URL(each.url).pathname.startsWith(url.pathname));
  await Promise.all(own.filter((each) => !except.includes(each.url)).map((each) => cache.delete(each)));
}

async function forgetAll() {
  signedOut = true;
  await Promise.all([caches.delete(KEPT), caches.delete(PARTS)]);
}

async function forget(url) {
  await clear(await caches.open(KEPT), url);
  if ((await (await caches.open(KEPT)).keys()).length === 0) await caches.delete(PARTS);
  await self.registration.unregister();
}

function soon(answer) {
  return Promise.race([answer, new Promise((_resolve, reject) => setTimeout(reject, PATIENCE_MS, "too slow"))]);
}
