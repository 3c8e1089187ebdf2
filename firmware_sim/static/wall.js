// The cabinet on the page: built once from its plan, then kept like the state it is shown.
import { bay, showBags } from "./bay.js";
import { MARGIN, scenery } from "./scenery.js";
import { html, path, svg } from "./svg.js";
import { celsius, t } from "./words.js";

const EMBLEM = {
  frozen: "M12 2v20M3.3 7l17.4 10M20.7 7L3.3 17M9 4l3 3 3-3M9 20l3-3 3 3",
  chilled: "M12 3c4 5 6 8 6 11a6 6 0 0 1-12 0c0-3 2-6 6-11z",
  cool: "M4 20C4 10 10 4 20 4c0 10-6 16-16 16zM4 20L14 10",
  ambient: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M19 5l-2 2M7 17l-2 2",
};
const EMBLEM_INK = { frozen: "#0b6480", chilled: "#0b6480", cool: "#1b6b3a", ambient: "#7a5200" };
const WARM_BY_K = 3;

export class Wall {
  constructor(root, plan, touched) {
    this.root = root;
    this.plan = plan;
    this.touched = touched;
    this.doors = new Map();
    this.total = { w: plan.width_mm + MARGIN.left + MARGIN.right, h: plan.height_mm + MARGIN.top + MARGIN.bottom };
    this.build();
  }

  build() {
    const { root, plan, total } = this;
    root.style.setProperty("--mm", `calc(100cqw / ${total.w})`);
    root.style.setProperty("--aspect", total.w / total.h);
    root.setAttribute("role", "img");
    this.body = scenery(plan, { name: "", brand: "菜箱", latin: "CAIBOX" });
    this.screen = this.place(html("div", { class: "head-screen", "aria-hidden": "true" }), plan.head.screen);
    this.thermos = plates(plan).map((plate) => this.thermo(plate));
    root.replaceChildren(this.body, ...this.thermos.map((thermo) => thermo.element), this.screen, ...plan.doors.map((door) => this.door(door)));
  }

  place(element, { x_mm, y_mm, width_mm, height_mm }) {
    const y = this.plan.height_mm - y_mm - height_mm;
    const set = (name, value) => element.style.setProperty(name, value);
    set("--x", x_mm + MARGIN.left);
    set("--y", y + MARGIN.top);
    set("--w", width_mm);
    set("--h", height_mm);
    return element;
  }

  thermo({ zone, x_mm, width_mm }) {
    const zone_name = html("span", { class: "thermo-zone" }), value = html("span");
    const element = html("div", { class: "thermo", "data-zone": zone, "aria-hidden": "true" }, zone_name, value);
    this.place(element, { x_mm: x_mm + width_mm / 2 - 202, y_mm: this.plan.height_mm - 142, width_mm: 404, height_mm: 118 });
    return { zone, element, zone_name, value };
  }

  door(door) {
    const number = html("span", { class: "number" }, String(door.door));
    const emblem = svg("svg", { class: "emblem", viewBox: "0 0 24 24", fill: "none", stroke: EMBLEM_INK[door.zone], "stroke-width": 2, "stroke-linecap": "round", "stroke-linejoin": "round" }, path(EMBLEM[door.zone]));
    const note = html("span", { class: "note" });
    const leaf = html("div", { class: "leaf" }, html("div", { class: "face" }, number, emblem, note), html("div", { class: "back" }));
    const element = html("div", { class: "door", "data-door": door.door, "data-state": "shut", "data-zone": door.zone }, bay(door), html("div", { class: "strip" }), leaf, html("div", { class: "arrow" }));
    this.place(element, door);
    leaf.addEventListener("click", (event) => { event.stopPropagation(); this.touched(door.door, "leaf"); });
    element.addEventListener("click", () => this.touched(door.door, "inside"));
    this.doors.set(door.door, { element, note });
    return element;
  }

  nudge(number) {
    const { element } = this.doors.get(number);
    element.classList.add("nudged");
    setTimeout(() => element.classList.remove("nudged"), 240);
  }

  choose(number) {
    for (const [each, { element }] of this.doors) element.dataset.chosen = each === number ? "yes" : "no";
  }

  update(state) {
    const open = state.doors.filter((door) => door.state === "open" || door.state === "ajar");
    this.root.dataset.power = state.power ? "on" : "off";
    this.root.setAttribute("aria-label", t("page.wall_label", { n: state.doors.length, open: open.map((door) => door.door).join(t("page.and")) || t("page.none") }));
    const meant = state.show?.doors ?? [];
    for (const door of state.doors) this.updateDoor(door, door.lit && meant.includes(door.door), state.stuck.includes(door.door));
    for (const thermo of this.thermos) updateThermo(thermo, state.zones.find((zone) => zone.zone === thermo.zone));
  }

  updateDoor(door, meant, stuck) {
    const { element, note } = this.doors.get(door.door);
    element.dataset.arrow = stuck ? "stuck" : meant ? "yes" : "no";
    element.dataset.state = door.state;
    element.dataset.lit = door.lit ? "yes" : "no";
    element.dataset.bags = door.bags;
    note.textContent = door.state === "jammed" ? `✕ ${t("door.jammed")}` : t(`door.${door.state}`);
    showBags(element, door.bags);
  }

  name(name) {
    this.body.querySelector(".board-name").textContent = name;
  }

  showOnHead(tone, text, many) {
    this.screen.dataset.tone = tone;
    this.screen.dataset.many = many ? "yes" : "no";
    this.screen.textContent = text;
  }
}

// One thermometer over each run of neighbouring columns of a zone.
function plates(plan) {
  const made = [];
  for (const { zone, x_mm, width_mm } of plan.columns) {
    const last = made.at(-1);
    if (last?.zone === zone) last.width_mm += width_mm;
    else made.push({ zone, x_mm, width_mm });
  }
  return made;
}

function updateThermo({ element, zone, zone_name, value }, reading) {
  const known = reading.air_c !== null;
  zone_name.textContent = t(`zone.${zone}`);
  value.textContent = known ? celsius(reading.air_c) : "– –";
  element.dataset.known = known ? "yes" : "no";
  element.dataset.warm = known && reading.target_c !== null && reading.air_c > reading.target_c + WARM_BY_K ? "yes" : "no";
}
