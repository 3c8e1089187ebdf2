/*
 * What an accessibility engine does not see, measured on the page that is open. Each function answers with sentences, one a
 * fault, and leaves the page as it was.
 */
globalThis.caibox = (() => {
  "use strict";
  const TARGETS = "a[href], button, input:not([type=hidden]), select, textarea, summary, [role=button]";
  const HAN = /\p{Script=Han}/u;
  const ENGLISH = /[A-Za-z]{2,}(?:[\s,.’'-]+[A-Za-z]{2,}){3,}/; // four words in a row are a sentence, less is a name

  const shown = (one) => one.checkVisibility({ visibilityProperty: true }) && one.getClientRects().length > 0;
  const named = (one) => one.outerHTML.replace(/\s+/g, " ").slice(0, 130);
  const rolls = (one) => ["auto", "scroll"].includes(getComputedStyle(one).overflowX);
  const rollsAbove = (one) => {
    for (let above = one.parentElement; above && above !== document.body; above = above.parentElement) if (rolls(above)) return true;
    return false;
  };

  /* Wider than the window: nobody scrolls sideways to read (WCAG 1.4.10). */
  const tooWide = () => {
    const most = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= most) return [];
    const widest = [...document.body.querySelectorAll("*")]
      .filter((one) => one.getBoundingClientRect().right > most + 1 && !rollsAbove(one) && shown(one))
      .slice(-2);
    return [`${document.documentElement.scrollWidth} px in ${most}: ${widest.map(named).join(" | ")}`];
  };

  /* Words that are cut off (WCAG 1.4.4, 1.4.12). What only a screen reader shall read is clipped on purpose. */
  const cutOff = () =>
    [...document.body.querySelectorAll("*")]
      .filter((one) => {
        const style = getComputedStyle(one);
        const cuts = ["hidden", "clip"];
        if (!shown(one) || style.clipPath !== "none" || !(one.textContent || "").trim()) return false;
        const sideways = cuts.includes(style.overflowX) && one.scrollWidth > one.clientWidth + 1;
        const down = cuts.includes(style.overflowY) && one.scrollHeight > one.clientHeight + 1;
        return sideways || down;
      })
      .map((one) => `cut off: ${named(one)}`);

  /* A link within a sentence has the sentence's height (2.5.8 excepts it); everything else is for a thumb. */
  const withinSentence = (one) =>
    one.matches("a") &&
    getComputedStyle(one).display === "inline" &&
    one.parentElement.textContent.trim().length > one.textContent.trim().length;
  const boxOf = (one) => {
    const label = one.matches("input") && (one.closest("label") || (one.id && document.querySelector(`label[for="${CSS.escape(one.id)}"]`)));
    const own = one.getBoundingClientRect();
    const box = label && ["checkbox", "radio"].includes(one.type) ? label.getBoundingClientRect() : own;
    return box;
  };
  // A link's width is its word's; WCAG asks for 24 px (2.5.8). What is no word has to be as wide as it is high.
  const widthFor = (one, least) => (one.matches("a") && one.textContent.trim() ? 24 : least);
  // Tiles of a map may be 24 px: each stands in a list too, at full size (2.5.8, equivalent). Nobody touches what is hidden.
  const small = (least) =>
    [...document.querySelectorAll(TARGETS)]
      .filter((one) => shown(one) && !one.matches(".skip, .mosaic a, [aria-hidden=true]") && !one.disabled && !withinSentence(one))
      .map((one) => [boxOf(one), one])
      .filter(([box, one]) => box.height < least - 0.5 || box.width < widthFor(one, least) - 0.5)
      .map(([box, one]) => `${Math.round(box.width)}×${Math.round(box.height)}: ${named(one)}`);

  /* Where the focus is, something of it can be seen: not all behind a bar (2.4.11), and a ring around it (2.4.7). */
  const points = (box) => {
    const [x, y, right, bottom] = [box.left + 3, box.top + 3, box.right - 3, box.bottom - 3];
    return [[(x + right) / 2, (y + bottom) / 2], [x, y], [right, bottom], [right, y], [x, bottom]];
  };
  const hits = (one, [x, y]) => {
    const found = document.elementFromPoint(x, y);
    return found !== null && (one.contains(found) || found.contains(one) && found.matches("label, a, button, summary"));
  };
  const hiddenFocus = () => {
    const faults = [];
    const asked = [...document.querySelectorAll(`${TARGETS}, [tabindex="0"]`)].filter((one) => shown(one) && one.tabIndex >= 0 && !one.disabled);
    for (const one of asked) {
      one.focus({ focusVisible: true });
      if (document.activeElement !== one) continue;
      const seen = [one, ...(one.labels || [])].some((part) => points(part.getBoundingClientRect()).some((point) => hits(part, point)));
      if (!seen) faults.push(`behind something: ${named(one)}`);
      const ringed = [one, one.parentElement, ...(one.labels || []), ...one.querySelectorAll("*")].some((part) => {
        const style = getComputedStyle(part);
        return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) || style.boxShadow !== "none";
      });
      if (!ringed) faults.push(`no ring: ${named(one)}`);
    }
    document.activeElement.blur();
    scrollTo(0, 0);
    return faults;
  };

  /* Words of the other language say so (3.1.2). Names of people and things have no language; `names` are taken out. */
  const foreign = (names) => {
    const wrong = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = walker.currentNode;
      const parent = node.parentElement;
      if (parent.closest("script, style, template, pre, code, textarea") || !shown(parent)) continue;
      const said = names.reduce((words, name) => words.replaceAll(name, ""), node.data);
      const language = (parent.closest("[lang]") || document.documentElement).lang;
      const other = language.startsWith("zh") ? ENGLISH.test(said) && !HAN.test(said) : HAN.test(said);
      if (other) wrong.push(`${language}: ${said.trim().slice(0, 60)}`);
    }
    return wrong;
  };

  /* The page's frame: a title, a language, one main heading, one main part, and headings that skip no level. */
  const frame = (language) => {
    const faults = [];
    const levels = [...document.querySelectorAll("h1, h2, h3, h4")].filter(shown).map((one) => Number(one.tagName[1]));
    if (document.documentElement.lang !== language) faults.push(`its language is ${document.documentElement.lang}`);
    if (document.title.replace(/[·\s]|Caibox|菜箱/g, "") === "") faults.push(`its title is “${document.title}”`);
    if (levels.filter((level) => level === 1).length !== 1) faults.push(`it has ${levels.filter((level) => level === 1).length} h1`);
    levels.forEach((level, at) => {
      if (at && level > levels[at - 1] + 1) faults.push(`an h${level} follows an h${levels[at - 1]}`);
    });
    if (document.querySelectorAll("main").length !== 1) faults.push("it has not one main part");
    return faults;
  };

  /* Runs `check` under other rules of style, as a reader's own stylesheet would. */
  const under = (rule, check) => {
    const sheet = document.styleSheets[0];
    const at = sheet.insertRule(rule, sheet.cssRules.length);
    try {
      return check();
    } finally {
      sheet.deleteRule(at);
    }
  };
  const readable = () => [...tooWide(), ...cutOff()];
  const SPACED =
    "@media all { * { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important } p { margin-bottom: 2em !important } }";
  const DOUBLED = "html { font-size: 212.5% !important }";

  return {
    frame,
    foreign,
    small,
    hiddenFocus,
    readable,
    spaced: () => under(SPACED, readable),
    doubled: () => under(DOUBLED, readable),
    large: (on) => document.documentElement.classList.toggle("large", on),
    settled: () =>
      document.getAnimations().forEach((one) => {
        if (one.effect.getComputedTiming().endTime === Infinity) one.cancel();
        else one.finish();
      }),
    axe: async (...only) =>
      (await axe.run(document, { runOnly: only })).violations.flatMap((found) =>
        found.nodes.map((node) => `${found.id}: ${node.html.replace(/\s+/g, " ").slice(0, 160)} ${(node.any[0] || {}).message || ""}`),
      ),
  };
})();
