// Faults: everything that can be made to go wrong, as buttons; what is on stands above them.
import { html } from "./svg.js";
import { t } from "./words.js";

const key = (fault) => [fault.name, fault.door, fault.zone, fault.probe].map((part) => part ?? "").join(" ");

export class Faults {
  constructor(root, plan, kinds, act) {
    this.plan = plan;
    this.act = act;
    this.kinds = new Map(kinds.map((kind) => [kind.name, kind]));
    this.find = (id) => root.querySelector(`#faults-${id}`);
    this.on = new Map();
    this.buttons = [];
    this.fill("door", plan.doors.map((door) => String(door.door)), (door) => t("door.name", { door }));
    this.fill("zone", [...new Set(plan.doors.map((door) => door.zone))], (zone) => t(`zone.${zone}`));
    this.fill("cold-zone", [...new Set(plan.doors.map((door) => door.zone))], (zone) => t(`zone.${zone}`));
    this.fill("probe", ["air", "product"], (probe) => t(`faults.probe.${probe}`));
    this.put("at-door", (kind) => kind.place === "door");
    this.put("at-cold", (kind) => kind.group === "cold" && kind.place !== "locker");
    this.put("at-probe", (kind) => kind.group === "probes" && kind.place !== "locker");
    for (const group of new Set(kinds.filter((kind) => kind.place === "locker").map((kind) => kind.group))) this.group(group);
    this.find("clear").addEventListener("click", () => act("faults/clear", { all: true }));
  }

  // A choice of places; its names follow the language.
  fill(id, values, name) {
    const box = this.find(id);
    box.append(...values.map((value) => html("option", { value })));
    box.addEventListener("change", () => this.draw());
    (this.names ??= []).push(() => { for (const option of box.options) option.textContent = name(option.value); });
  }

  group(name) {
    const buttons = html("div", { class: "actions", id: `faults-in-${name}` });
    this.find("groups").append(html("h3", { "data-word": `faults.group.${name}` }), buttons);
    this.put(`in-${name}`, (kind) => kind.place === "locker" && kind.group === name);
  }

  put(id, wanted) {
    for (const kind of this.kinds.values()) {
      if (!wanted(kind)) continue;
      const button = html("button", { type: "button", class: "button", "data-fault": kind.name });
      button.addEventListener("click", () => this.press(kind, button));
      this.buttons.push(button);
      this.find(id).append(button);
    }
  }

  press(kind, button) {
    const on = kind.moment || button.getAttribute("aria-pressed") !== "true";
    this.act("faults", { ...this.at(kind), on, ...(on && kind.name === "contact_miswired" ? { amount: this.nextDoor() } : {}) });
  }

  // The fault at the place that is chosen for its kind.
  at(kind) {
    const fault = { name: kind.name };
    if (kind.place === "door") fault.door = Number(this.find("door").value);
    if (kind.place === "probe" || kind.place === "zone") fault.zone = this.find(kind.group === "cold" ? "cold-zone" : "zone").value;
    if (kind.place === "probe") fault.probe = this.find("probe").value;
    return fault;
  }

  nextDoor() {
    const numbers = this.plan.doors.map((door) => door.door);
    return numbers[(numbers.indexOf(Number(this.find("door").value)) + 1) % numbers.length];
  }

  choose(number) {
    this.find("door").value = String(number);
    this.draw();
  }

  update(state) {
    this.on = new Map(state.faults.map((fault) => [key(fault), fault]));
    this.draw();
  }

  draw() {
    for (const name of this.names) name();
    for (const button of this.buttons) this.drawButton(button, this.kinds.get(button.dataset.fault));
    const faults = [...this.on.values()].map((fault) => this.say(fault)).join(t("page.and"));
    const said = faults ? t("faults.now", { faults }) : t("faults.none");
    if (this.find("said").textContent !== said) this.find("said").textContent = said; // read out only when it changes
    this.find("clear").disabled = !faults;
  }

  drawButton(button, kind) {
    const fault = this.on.get(key(this.at(kind)));
    if (!kind.moment) button.setAttribute("aria-pressed", String(fault !== undefined));
    const text = this.counted(fault ?? { name: kind.name, amount: kind.amount?.usual, one_in: kind.one_in });
    if (button.textContent !== text) button.textContent = text;
  }

  // "Springs open late: 3000 ms", "Latch sticks, one in 3"
  counted(fault) {
    const unit = this.kinds.get(fault.name).amount?.unit;
    let text = t(`fault.${fault.name}`);
    if (unit && typeof fault.amount === "number") text = t("faults.with_amount", { fault: text, amount: fault.amount, unit: t(`faults.unit.${unit}`) });
    return (fault.one_in ?? 1) > 1 ? t("faults.by_chance", { fault: text, n: fault.one_in }) : text;
  }

  say(fault) {
    const words = { fault: this.counted(fault), door: fault.door, zone: fault.zone && t(`zone.${fault.zone}`), probe: fault.probe && t(`faults.probe.${fault.probe}`) };
    if (fault.door) return t("faults.at_door", words);
    if (fault.probe) return t("faults.at_probe", words);
    return fault.zone ? t("faults.at_zone", words) : words.fault;
  }
}
