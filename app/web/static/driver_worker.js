/*
 * The visit's pages open without a network: a reload in the lobby shows them as they were last seen. Keeps the pages of
 * the driver's steps and the files they need, nothing else; the network always comes first. It decides nothing: what a
 * phone does while offline is driver_queue.js. Signing out throws everything away.
 */
"use strict";

const PAGES = "caibox-driver-pages-1";
const FILES = "caibox-driver-files-1";
const OLDEST_MS = 12 * 3600 * 1000; // an older page belongs to another day
const MOST_KEPT = 200;
const HERE = new URL(self.registration.scope);

const isFile = (url) => url.origin === HERE.origin && url.pathname.startsWith("/static/");
// Steps have no extension; the rotating code has one, and an old code is no code.
const isPage = (url) =>
  url.origin === HERE.origin && url.pathname.startsWith(HERE.pathname) && !/\.[a-z]+$/.test(url.pathname);
const page = (url) => new Request(url.origin + url.pathname); // what is asked behind the ? is not another page

const isWhole = (answer) => answer.ok && !answer.redirected && answer.type === "basic";

const put = async (name, key, answer) => {
  const cache = await caches.open(name);
  await cache.put(key, answer);
  const kept = await cache.keys();
  await Promise.all(kept.slice(0, Math.max(0, kept.length - MOST_KEPT)).map((old) => cache.delete(old)));
};

const keepPage = (url, answer) => {
  const html = (answer.headers.get("Content-Type") || "").startsWith("text/html");
  return isWhole(answer) && html ? put(PAGES, page(url), answer.clone()) : undefined;
};

const kept = async (name, key) => {
  const found = await (await caches.open(name)).match(key, { ignoreVary: true });
  if (!found || name === FILES) return found;
  const age = Date.now() - Date.parse(found.headers.get("Date") || "");
  return Math.abs(age) < OLDEST_MS ? found : undefined;
};

const answerPage = async (event, url) => {
  try {
    const answer = await fetch(event.request);
    // A sign-in page in its place: somebody was signed out, and what they saw is not the next person's.
    const elsewhere = answer.redirected && !isPage(new URL(answer.url));
    if (elsewhere || answer.type === "opaqueredirect") await caches.delete(PAGES);
    else event.waitUntil(Promise.resolve(keepPage(url, answer)));
    return answer;
  } catch (error) {
    // A page that asks again by script must know that the network is gone.
    const found = event.request.mode === "navigate" && (await kept(PAGES, page(url)));
    if (!found) throw error;
    return found;
  }
};

const answerFile = async (event) => {
  const found = await kept(FILES, event.request);
  if (found) return found;
  const answer = await fetch(event.request);
  if (isWhole(answer)) event.waitUntil(put(FILES, event.request, answer.clone()));
  return answer;
};

const fetchAll = async ({ pages = [], files = [] }) => {
  const urls = pages.map((each) => new URL(each, HERE)).filter(isPage);
  await Promise.all(urls.map(async (url) => keepPage(url, await fetch(page(url)))));
  const missing = files.map((each) => new URL(each, HERE)).filter(isFile);
  await Promise.all(
    missing.map(async (url) => {
      if (await kept(FILES, url.href)) return;
      const answer = await fetch(url);
      if (isWhole(answer)) await put(FILES, url.href, answer);
    }),
  );
};

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("message", (event) => {
  const { keep, forget } = event.data || {};
  const answer = event.ports[0];
  const work = forget
    ? Promise.all([caches.delete(PAGES), caches.delete(FILES)])
    : fetchAll(keep || {});
  event.waitUntil(
    work.then(
      () => answer && answer.postMessage({ done: true }),
      () => answer && answer.postMessage({ done: false }), // the network went meanwhile; the page asks again
    ),
  );
});

self.addEventListener("fetch", (event) => {
  if (event.request.method !== "GET") return;
  const url = new URL(event.request.url);
  const wantsHtml = (event.request.headers.get("Accept") || "").includes("text/html");
  if (isFile(url)) event.respondWith(answerFile(event));
  else if (isPage(url) && wantsHtml) event.respondWith(answerPage(event, url));
});
