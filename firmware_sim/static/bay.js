// What is behind a door: a lit, lined box and paper bags. In millimetres of its opening.
import { path, rect, svg } from "./svg.js";

const LINER = { frozen: ["#d7ecf6", "#b9dbeb", "#eef8fc"], chilled: ["#e8f2f3", "#cadfe2", "#f6fbfb"], cool: ["#e9efe3", "#cfdcc4", "#f7faf3"], ambient: ["#f3ecdc", "#dfd2b6", "#fbf7ec"] };
const SHOWN_BAGS = 3;

export function bay(door) {
  const w = door.width_mm - 20, h = door.height_mm, in_x = w * 0.13, in_y = h * 0.13, floor = h * 0.8;
  const [wall, side, back] = LINER[door.zone];
  return svg("svg", { class: "bay", viewBox: `0 0 ${w} ${h}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    rect(0, 0, w, h, { fill: side, rx: 8 }),
    path(`M0 0L${in_x} ${in_y}V${floor}L0 ${h}z`, { fill: wall }),
    path(`M${w} 0L${w - in_x} ${in_y}V${floor}L${w} ${h}z`, { fill: wall }),
    rect(in_x, in_y, w - 2 * in_x, floor - in_y, { fill: back }),
    path(`M0 ${h}L${in_x} ${floor}H${w - in_x}L${w} ${h}z`, { fill: "#dfe5e2" }),
    ...shelf(w, h, in_x, floor),
    rect(in_x + 10, in_y + 6, w - 2 * in_x - 20, 7, { rx: 3, fill: "#fff6d8", class: "lamp" }),
    ...(door.zone === "frozen" ? rime(w, h) : []),
    ...bags(w, h),
    rect(0, 0, w, h, { class: "bay-dark", rx: 8 }));
}

function shelf(w, h, in_x, floor) {
  return [0.2, 0.4, 0.6, 0.8].map((share) =>
    path(`M${w * share} ${h}L${in_x + (w - 2 * in_x) * share} ${floor}`, { stroke: "#b6c2bc", "stroke-width": 3 }));
}

function rime(w, h) {
  return [0.18, 0.34, 0.52, 0.7, 0.86].map((share, n) =>
    path(`M${w * share - 22} 0q22 ${h * (0.1 + (n % 3) * 0.05)} 44 0z`, { fill: "#fff", opacity: 0.85 }));
}

function bags(w, h) {
  const tall = Math.min(h * 0.7, 230), wide = tall * 0.72, base = h * 0.93;
  return [0, 1, 2].map((n) => {
    const x = w / 2 + [0, -1, 1][n] * w * 0.24 - wide / 2, y = base - tall + (n ? -h * 0.04 : 0);
    return svg("g", { class: "bag", "data-bag": n + 1, "data-in": "no" }, ...paperBag(x, y, wide, tall, n));
  }).reverse();
}

function paperBag(x, y, w, h, n) {
  const top = y + h * 0.24, teeth = [];
  for (let k = 0; k < 8; k += 1) teeth.push(`l${w / 16} ${-h * 0.035}l${w / 16} ${h * 0.035}`);
  const kraft = ["#c99f66", "#bd9259", "#d3ab74"][n];
  return [
    svg("ellipse", { cx: x + w * 0.3, cy: y + h * 0.2, rx: w * 0.16, ry: h * 0.22, fill: "#4f9a55", transform: `rotate(-14 ${x + w * 0.3} ${y + h * 0.3})` }),
    svg("ellipse", { cx: x + w * 0.55, cy: y + h * 0.16, rx: w * 0.17, ry: h * 0.23, fill: "#6cb566", transform: `rotate(6 ${x + w * 0.55} ${y + h * 0.3})` }),
    svg("circle", { cx: x + w * 0.78, cy: y + h * 0.24, r: w * 0.13, fill: n === 1 ? "#e0a03c" : "#cf4b35" }),
    path(`M${x} ${top}${teeth.join("")}L${x + w * 0.97} ${y + h}H${x + w * 0.03}z`, { fill: kraft }),
    path(`M${x + w * 0.78} ${top + 2}L${x + w * 0.74} ${y + h}H${x + w * 0.97}L${x + w} ${top}z`, { fill: "#000", opacity: 0.1 }),
    svg("circle", { cx: x + w * 0.4, cy: y + h * 0.64, r: w * 0.17, fill: "#1b6b3a" }),
    path(`M${x + w * 0.3} ${y + h * 0.65}q${w * 0.1} ${h * 0.09} ${w * 0.2} 0`, { stroke: "#faf7f0", "stroke-width": w * 0.04, fill: "none", "stroke-linecap": "round" }),
  ];
}

export function showBags(door_element, count) {
  for (const bag of door_element.querySelectorAll("[data-bag]")) {
    bag.setAttribute("data-in", Number(bag.dataset.bag) <= Math.min(count, SHOWN_BAGS) ? "yes" : "no");
  }
}
