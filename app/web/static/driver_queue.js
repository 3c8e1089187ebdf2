/*
 * What a driver's phone saw and could not send yet: `caiboxQueue.keep(kind, body, photo)` writes a record into IndexedDB
 * before anything else happens, with an id of its own and the phone's time. Records are sent in their order, once: the
 * service knows each id. One that is refused stays here with its reason. Nothing is dropped without a word.
 */
(() => {
  "use strict";
  const MOST = 2000;
  const BATCH = 20;
  const RETRY_MS = 15000;
  const PATIENCE_MS = 20000;
  const LONGEST_PX = 1600;
  const LOST = new Set(["TypeError", "TimeoutError", "AbortError"]);

  const place = document.getElementById("queue");
  if (!place) return;
  const words = place.dataset;
  const line = document.getElementById("unsent");
  const list = document.getElementById("kept");
  let sending = false;
  let lost = false;
  let signedOut = false;
  document.documentElement.classList.add("script");

  // A private window may refuse at once instead of by its promise.
  const store = Promise.resolve().then(() =>
    window.idb.openDB("caibox-driver", 1, {
      upgrade: (db) => db.createObjectStore("records", { keyPath: "seq", autoIncrement: true }),
    }),
  );
  store.catch(() => warn(words.noStore));

  const newId = () =>
    Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const isMine = (record) => record.person === words.person;
  const all = async () => {
    try {
      return await (await store).getAll("records");
    } catch {
      return []; // the page says already that nothing can be kept here
    }
  };
  const count = (one, many, number) => (number === 1 ? one : many).replace("{n}", number);

  const warn = (text) => {
    document.dispatchEvent(new CustomEvent("queue-full"));
    if ([...place.querySelectorAll("[role=alert]")].some((said) => said.textContent === text)) return;
    const notice = document.createElement("p");
    notice.className = "notice stop";
    notice.setAttribute("role", "alert");
    notice.textContent = text;
    place.hidden = false;
    place.prepend(notice);
  };

  /* A phone's photo is several megabytes; what is kept of it is a tenth of that. */
  const smaller = async (file) => {
    try {
      const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
      const scale = Math.min(1, LONGEST_PX / Math.max(picture.width, picture.height));
      const canvas = document.createElement("canvas");
      canvas.width = Math.round(picture.width * scale);
      canvas.height = Math.round(picture.height * scale);
      canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
      return await new Promise((resolve) => canvas.toBlob((made) => resolve(made || file), "image/jpeg", 0.85));
    } catch {
      return file; // the service says what is wrong with it
    }
  };

  const keep = async (kind, body = {}, photo = null) => {
    const { person, visit, url } = words;
    const record = { id: newId(), kind, person, visit, url, at: Date.now(), body };
    try {
      if (photo) record.photo = await smaller(photo);
      const db = await store;
      if ((await db.count("records")) >= MOST) throw new DOMException("", "QuotaExceededError");
      await db.add("records", record);
    } catch (error) {
      warn(error.name === "QuotaExceededError" ? words.full : words.noStore);
      return null;
    }
    await show();
    flush();
    return record.id;
  };

  /* --- sending ------------------------------------------------------------------------------------------------- */

  const nextBatch = async () => {
    const waiting = (await all()).filter((record) => isMine(record) && !record.refused);
    if (!waiting.length) return [];
    if (waiting[0].photo) return [waiting[0]];
    const until = waiting.findIndex((record) => record.photo || record.url !== waiting[0].url);
    return waiting.slice(0, Math.min(BATCH, until < 0 ? BATCH : until));
  };

  const formOf = (batch) => {
    const form = new FormData();
    const records = batch.map(({ id, kind, person, visit, seq, at, body }) => ({
      id, kind, person, visit, seq, at, ...body,
    }));
    form.set("csrf_token", words.csrf);
    form.set("records", JSON.stringify({ sent: Date.now(), records }));
    batch.filter((record) => record.photo).forEach((record) => form.set(record.id, record.photo, "photo.jpg"));
    return form;
  };

  const renewToken = async () => {
    const answer = await fetch(location.pathname, { headers: { Accept: "text/html" } });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("queue");
    signedOut = !fresh || fresh.dataset.person !== words.person;
    const changed = fresh && fresh.dataset.csrf !== words.csrf;
    if (changed) words.csrf = fresh.dataset.csrf;
    return changed && !signedOut;
  };

  const settle = async (batch, answers) => {
    const db = await store;
    for (const record of batch) {
      const answer = answers.find((each) => each.id === record.id);
      if (!answer) continue;
      if (answer.code === "taken" || answer.code === "again") await db.delete("records", record.seq);
      else await db.put("records", { ...record, refused: answer.says });
    }
  };

  /* Whether something was settled, so that more may be sent. */
  const sendSome = async (again = true) => {
    const batch = await nextBatch();
    if (!batch.length) return false;
    const options = { method: "POST", body: formOf(batch), signal: AbortSignal.timeout(PATIENCE_MS) };
    const answer = await fetch(batch[0].url, options);
    lost = false;
    const isJson = (answer.headers.get("Content-Type") || "").startsWith("application/json");
    if (!isJson || answer.redirected) {
      // The sign-in page, a token that is too old, or a server that is ill: it is all still here.
      return answer.status < 500 && again && (await renewToken()) && sendSome(false);
    }
    signedOut = false;
    const told = await answer.json();
    await settle(batch, told.answers || batch.map(({ id }) => ({ id, code: told.code, says: told.says })));
    return true;
  };

  const flush = async () => {
    if (sending) return;
    sending = true;
    let sent = false;
    try {
      while (await sendSome()) {
        sent = true;
        await show();
      }
    } catch (error) {
      if (!LOST.has(error.name)) throw error;
      lost = true;
    } finally {
      sending = false;
      await show();
    }
    if (sent) document.dispatchEvent(new CustomEvent("queue-sent"));
  };

  /* --- showing ------------------------------------------------------------------------------------------------- */

  const button = (text, act) => {
    const made = document.createElement("button");
    made.type = "button";
    made.className = "quiet";
    made.textContent = text;
    made.addEventListener("click", act);
    return made;
  };

  const entry = (text, ...acts) => {
    const item = document.createElement("li");
    const said = document.createElement("p");
    said.textContent = text;
    const row = document.createElement("div");
    row.className = "cluster";
    row.append(...acts);
    item.append(said, row);
    return item;
  };

  const nameOf = ({ kind, body }) => {
    const told = JSON.parse(words.names);
    return [told[body.trouble] || told[kind], body.door, (body.label || "").slice(-8)].filter(Boolean).join(" · ");
  };

  const change = async (act) => {
    await act(await store);
    await show();
    flush();
  };

  const showRefused = (record) => {
    const item = entry(
      `${nameOf(record)}: ${record.refused}`,
      button(words.again, () => change((db) => db.put("records", { ...record, refused: undefined }))),
      button(words.remove, () => change((db) => db.delete("records", record.seq))),
    );
    item.className = "refused";
    return item;
  };

  const showTrouble = (record) => entry(nameOf(record), button(words.undo, () => keep("undo", { of: record.id })));

  const sentence = (waiting, others) => {
    const parts = [];
    if (waiting && signedOut) parts.push(words.signedOut);
    if (waiting && (lost || !navigator.onLine)) parts.push(count(words.offlineOne, words.offlineMany, waiting));
    else if (waiting) parts.push(count(words.sendingOne, words.sendingMany, waiting));
    if (others) parts.push(count(words.othersOne, words.othersMany, others));
    return parts.join(" ");
  };

  const show = async () => {
    const records = await all();
    const mine = records.filter(isMine);
    const waiting = mine.filter((record) => !record.refused);
    const undone = new Set(waiting.filter((record) => record.kind === "undo").map((record) => record.body.of));
    const troubles = waiting.filter((record) => record.kind === "trouble" && !undone.has(record.id));
    const refused = mine.filter((record) => record.refused);
    const text = sentence(waiting.length, records.length - mine.length);
    if (line.textContent !== text) line.textContent = text;
    line.hidden = !text;
    place.dataset.unsent = waiting.length;
    list.replaceChildren(...refused.map(showRefused), ...troubles.map(showTrouble));
    place.hidden = !records.length && !place.querySelector("[role=alert]");
    const saved = new Set(waiting.filter((record) => record.kind === "scan").map(({ body }) => body.label.slice(-8)));
    document.querySelectorAll("[data-bag]").forEach((bag) => {
      bag.querySelector(".saved").hidden = !saved.has(bag.dataset.bag);
    });
  };

  window.caiboxQueue = { keep, flush, show, isLost: () => lost || !navigator.onLine };
  window.addEventListener("online", flush);
  window.addEventListener("offline", show);
  window.addEventListener("pageshow", flush);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && flush());
  setInterval(async () => (await all()).some((record) => isMine(record) && !record.refused) && flush(), RETRY_MS);
})();
