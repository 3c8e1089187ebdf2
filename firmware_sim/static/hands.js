// Hands: doors as a list, power, network, temperatures, and what goes on inside.
import { html } from "./svg.js";
import { celsius, t, whereIs } from "./words.js";

// What is broken about a zone by one touch; the rest is among the faults.
const ZONE_FAULTS = ["compressor_dead", "gasket_leaks"];
const SWITCHES = [["power", "power"], ["network", "network"], ["lock_supply", "lock-supply"]];

// What a hand can do to a door as it is; the rest is shown but cannot be pressed.
const POSSIBLE = {
  shut: (door) => door.state === "open" || door.state === "ajar",
  put: (door) => door.state === "open" || door.state === "ajar",
  take: (door) => (door.state === "open" || door.state === "ajar") && door.bags > 0,
  ajar: (door) => door.state === "open",
  open_by_force: (door) => door.state !== "open",
  jam: (door) => !door.jammed,
  unjam: (door) => door.jammed,
};

export class Hands {
  constructor(root, plan, act) {
    this.act = act;
    this.plan = plan;
    this.find = (id) => root.querySelector(`#${id}`);
    this.chosen = null;
    this.rooms = new Map(plan.doors.map((door) => [door.door, door]));
    this.find("door-list").append(...plan.doors.map((door) => this.row(door)));
    this.find("switches").append(...SWITCHES.map(([name, path]) => this.toggle(name, path)));
    this.find("shut-all").addEventListener("click", () => this.shutAll());
    this.zones = new Map();
  }

  row(door) {
    const state = html("span", { class: "door-row-state" });
    return html("li", { class: "door-row", "data-door-row": door.door },
      html("span", { class: "door-row-number" }, String(door.door)), state, this.actions(door.door));
  }

  actions(number) {
    const made = html("div", { class: "actions" });
    for (const action of Object.keys(POSSIBLE)) {
      const button = html("button", { type: "button", class: "button", "data-action": action });
      button.addEventListener("click", () => this.act(`doors/${number}`, { action }));
      made.append(button);
    }
    return made;
  }

  toggle(name, path) {
    const label = html("span", { "data-word": `hands.${name}` }), said = html("span", { class: "switch-state" });
    const button = html("button", { type: "button", class: "switch", role: "switch", "aria-checked": "true", "data-action": name }, label, said);
    button.addEventListener("click", () => this.act(path, { on: button.getAttribute("aria-checked") === "false" }));
    return button;
  }

  choose(number) {
    this.chosen = number;
    this.find("door-card").dataset.chosen = number;
    this.find("door-card-actions").replaceChildren(this.actions(number));
    if (this.state) this.update(this.state);
  }

  shutAll() {
    for (const door of this.state.doors.filter(POSSIBLE.shut)) this.act(`doors/${door.door}`, { action: "shut" });
  }

  update(state) {
    this.state = state;
    for (const door of state.doors) this.updateRow(this.find("door-list").querySelector(`[data-door-row="${door.door}"]`), door);
    this.updateCard();
    for (const [name] of SWITCHES) this.updateSwitch(name, state[name]);
    for (const zone of state.zones) this.updateZone(zone, state.faults);
    this.updateFacts(state);
  }

  updateRow(row, door) {
    row.dataset.state = door.state;
    row.querySelector(".door-row-state").textContent = describe(door);
    updateActions(row, door);
  }

  updateCard() {
    const door = this.state.doors.find((each) => each.door === this.chosen);
    this.find("door-card-name").textContent = door ? `${t("door.name", { door: door.door })} · ${describe(door)}` : t("hands.chosen");
    this.find("door-card-state").textContent = door ? whereIs(this.rooms.get(door.door)) : t("hands.none");
    if (door) updateActions(this.find("door-card"), door);
  }

  updateSwitch(name, on) {
    const button = this.find("switches").querySelector(`[data-action="${name}"]`);
    button.setAttribute("aria-checked", String(on));
    button.querySelector(".switch-state").textContent = t(on ? "hands.on" : "hands.off");
  }

  updateZone(zone, faults) {
    if (!this.zones.has(zone.zone)) this.zones.set(zone.zone, this.zoneRow(zone.zone, zone.target_c !== null));
    const row = this.zones.get(zone.zone);
    row.said.replaceChildren(...zoneWords(zone));
    for (const [button, key] of row.buttons) button.textContent = t(key);
    for (const [button, name] of row.faults) {
      button.textContent = t(`fault.${name}`);
      button.setAttribute("aria-pressed", String(faults.some((fault) => fault.name === name && fault.zone === zone.zone)));
    }
  }

  zoneRow(zone, cooled) {
    const said = html("div", { class: "zone-line" });
    const buttons = [["warmer", { warm_by_c: 5 }], ["cooler", { warm_by_c: -5 }], ["heatwave", { ambient_c: 35 }], ["normal", { ambient_c: 24 }]].map(([name, body]) => {
      const button = html("button", { type: "button", class: "button", "data-action": name });
      button.addEventListener("click", () => this.act(`zones/${zone}`, body));
      return [button, `hands.${name}`];
    });
    const faults = ZONE_FAULTS.filter((name) => cooled || name !== "compressor_dead").map((name) => {
      const button = html("button", { type: "button", class: "button", "data-action": name, "aria-pressed": "false" });
      button.addEventListener("click", () => this.act("faults", { name, zone, on: button.getAttribute("aria-pressed") === "false" }));
      return [button, name];
    });
    const all = [...buttons, ...faults].map(([button]) => button);
    const row = html("li", { class: "zone-row", "data-zone": zone }, said, html("div", { class: "actions" }, ...all));
    this.find("zones").append(row);
    return { said, buttons, faults };
  }

  updateFacts(state) {
    const speed = state.scan_to_unlock_ms;
    const facts = [
      ["linked", t(state.linked ? "hands.linked_yes" : "hands.linked_no")],
      ["speed", speed === null ? "–" : t("hands.ms", { n: speed })],
      ["pulses", state.pulses],
      ["events", state.event_no],
      ["queued", state.queued],
      ["energy", t("hands.kwh", { n: (state.energy_wh / 1000).toFixed(1) })],
      ["boot", state.boot_id?.slice(0, 8) ?? "–"],
    ];
    this.find("facts").replaceChildren(...facts.flatMap(([name, value]) => [html("dt", {}, t(`hands.${name}`)), html("dd", { "data-fact": name }, String(value))]));
  }
}

function describe(door) {
  const bags = door.bags === 0 ? t("door.empty") : door.bags === 1 ? t("door.bag") : t("door.bags", { n: door.bags });
  return [t(`door.${door.state}`), bags].join(" · ");
}

function updateActions(root, door) {
  for (const button of root.querySelectorAll(".actions [data-action]")) {
    const action = button.dataset.action;
    button.textContent = t(`hands.${action}`);
    button.setAttribute("aria-label", `${t(`hands.${action}`)}: ${t("door.name", { door: door.door })}`);
    button.disabled = !POSSIBLE[action](door);
    if (action === "jam" || action === "unjam") button.hidden = button.disabled;
  }
}

function zoneWords(zone) {
  const reading = (value, key) => html("span", { class: "zone-reading" }, value === null ? "– – " : `${celsius(value)}C `, html("small", {}, t(key)));
  const target = zone.target_c === null ? t("hands.no_target") : t("hands.target", { c: zone.target_c });
  const motor = zone.target_c === null ? "" : ` · ${t(zone.defrosting ? "hands.melting" : zone.compressor_on ? "hands.running" : "hands.resting")}`;
  return [
    html("span", { class: "zone-name" }, t(`zone.${zone.zone}`)), reading(zone.air_c, "hands.air"), reading(zone.product_c, "hands.product"),
    html("span", { class: "hint" }, `${target}${motor} · ${t("hands.lobby", { c: zone.ambient_c })}`),
  ];
}
