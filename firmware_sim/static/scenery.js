// The cabinet's body and what stands around it, drawn in millimetres with y downwards from the cabinet's top.
import { path, rect, svg } from "./svg.js";

export const MARGIN = { left: 190, right: 90, top: 330, bottom: 130 };
const CARCASS = "#1f3d2c", CARCASS_EDGE = "#14291d", BRASS = "#d8bd86", PAPER = "#faf7f0", LEAF = "#1b6b3a";
const FAR = 6000, CRATE_END = 336;

export function scenery(plan, sign) {
  const { width_mm: width, height_mm: height } = plan;
  const box = [-MARGIN.left, -MARGIN.top, width + MARGIN.left + MARGIN.right, height + MARGIN.top + MARGIN.bottom];
  return svg("svg", { class: "wall-body", viewBox: box.join(" "), "aria-hidden": "true", overflow: "visible" },
    room(height),
    svg("g", { class: "steel" }, carcass(width, height), grille(width), awning(plan), board(width, sign), crate(), head(plan)));
}

function room(height) {
  const flecks = [];
  for (let n = 0; n < 90; n += 1) {
    const x = -1800 + ((n * 733) % 5700), y = height + 26 + ((n * 61) % 96);
    flecks.push(svg("ellipse", { class: "fleck", cx: x, cy: y, rx: 6 + (n % 4) * 3, ry: 3 + (n % 3) }));
  }
  return svg("g", {},
    rect(-FAR, -FAR, 3 * FAR, FAR + height, { class: "lobby" }),
    rect(-FAR, height - 1120, 3 * FAR, 1120, { class: "wainscot" }),
    rect(-FAR, height - 1132, 3 * FAR, 12, { class: "wainscot-line" }),
    rect(-FAR, height - 90, 3 * FAR, 90, { class: "wainscot-line", opacity: 0.6 }),
    rect(-FAR, height, 3 * FAR, FAR, { class: "floor" }), ...flecks);
}

function carcass(width, height) {
  return svg("g", {},
    svg("ellipse", { cx: width / 2, cy: height + 8, rx: width / 2 + 40, ry: 22, fill: "#000", opacity: 0.18 }),
    rect(50, height - 40, 120, 40, { fill: CARCASS_EDGE }),
    rect(width - 170, height - 40, 120, 40, { fill: CARCASS_EDGE }),
    rect(-14, 0, width + 28, height - 24, { rx: 18, fill: CARCASS, stroke: CARCASS_EDGE, "stroke-width": 6 }),
    rect(0, height - 96, width, 62, { fill: CARCASS_EDGE, rx: 6 }),
    ...vents(width, height));
}

function vents(width, height) {
  const made = [];
  for (let x = width / 2 - 300; x <= width / 2 + 300; x += 40) made.push(rect(x, height - 80, 22, 30, { rx: 8, fill: CARCASS }));
  return made;
}

function grille(width) {
  const slats = [];
  for (let y = 24; y < 150; y += 21) slats.push(rect(24, y, width - 48, 8, { rx: 4, fill: CARCASS_EDGE }));
  return svg("g", {}, ...slats);
}

function awning({ width_mm: width, compressor_mm: compressor }) {
  const stripes = Math.round(width / 106), step = (width + 60) / stripes, top = 165, low = compressor - 46;
  const made = [];
  for (let n = 0; n < stripes; n += 1) {
    const x = -30 + n * step, fill = n % 2 ? PAPER : LEAF;
    made.push(path(`M${x} ${top}h${step}v${low - top}a${step / 2} 40 0 0 1 ${-step} 0z`, { fill }));
  }
  return svg("g", {}, ...made,
    rect(-30, top - 9, width + 60, 18, { rx: 9, fill: BRASS }),
    path(`M-30 ${low}h${width + 60}`, { stroke: "#16231b", "stroke-width": 3, opacity: 0.16 }));
}

function board(width, { name, brand, latin }) {
  const w = 1020, y = -236, x = Math.max(width / 2 - w / 2, CRATE_END + 40);
  return svg("g", {},
    rect(x + 120, y + 150, 26, 90, { fill: CARCASS_EDGE }), rect(x + w - 146, y + 150, 26, 90, { fill: CARCASS_EDGE }),
    rect(x, y, w, 190, { rx: 26, fill: LEAF, stroke: BRASS, "stroke-width": 9 }),
    rect(x + 20, y + 20, w - 40, 150, { rx: 14, fill: "none", stroke: BRASS, "stroke-width": 3, opacity: 0.7 }),
    persimmon(x + 118, y + 98, 54),
    label(brand, x + 205, y + 138, 124, PAPER),
    label(latin, x + 480, y + 92, 56, PAPER),
    svg("text", { x: x + 480, y: y + 148, "font-size": 46, fill: "#cfe0d0", class: "board-name" }, name));
}

function label(text, x, y, size, fill) {
  return svg("text", { x, y, "font-size": size, fill }, text);
}

function persimmon(x, y, r) {
  const at = (dx, dy) => `${x + dx * r} ${y + dy * r}`;
  return svg("g", {},
    path(`M${at(-1, 0.1)}C${at(-1, 1.1)} ${at(1, 1.1)} ${at(1, 0.1)}C${at(1, -0.8)} ${at(-1, -0.8)} ${at(-1, 0.1)}z`, { fill: "#ff9b63" }),
    path(`M${at(0, -0.35)}C${at(-0.5, -0.35)} ${at(-0.75, -0.7)} ${at(-0.8, -0.85)}C${at(-0.4, -0.9)} ${at(-0.15, -0.75)} ${at(0, -0.5)}C${at(0.15, -0.75)} ${at(0.4, -0.9)} ${at(0.8, -0.85)}C${at(0.75, -0.7)} ${at(0.5, -0.35)} ${at(0, -0.35)}z`, { fill: "#6fd195" }),
    path(`M${at(0, -0.5)}V${y - r * 1.02}`, { stroke: "#6fd195", "stroke-width": r * 0.16, "stroke-linecap": "round" }));
}

// A crate of greens on the roof: a market's, not a parcel depot's.
function crate() {
  const leaves = [[110, -96, -24], [150, -120, -8], [196, -124, 6], [240, -112, 20], [284, -96, 30]].map(([x, y, turn], n) =>
    svg("ellipse", { cx: x, cy: y, rx: 30, ry: 66, transform: `rotate(${turn} ${x} ${y + 50})`, fill: n % 2 ? "#3f8f52" : "#5fae63" }));
  const fruit = [[120, -78], [180, -84], [236, -80], [290, -76]].map(([x, y], n) => svg("circle", { cx: x, cy: y, r: 34, fill: n % 2 ? "#e0a03c" : "#cf4b35" }));
  const planks = [-72, -40].map((y) => rect(70, y, 262, 26, { rx: 5, fill: "#c39a63", stroke: "#946f3f", "stroke-width": 3 }));
  return svg("g", {}, ...leaves, ...fruit, ...planks,
    rect(78, -78, 20, 78, { fill: "#a98049" }), rect(304, -78, 20, 78, { fill: "#a98049" }), rect(66, -10, 270, 10, { fill: "#946f3f" }));
}

function head(plan) {
  const down = (part) => plan.height_mm - part.y_mm - part.height_mm;
  const { head: h } = plan, { screen, scanner, keypad } = h, y = down(h);
  return svg("g", { class: "head" },
    rect(h.x_mm, y, h.width_mm, h.height_mm, { rx: 14, fill: "#2b4a3a", stroke: "#49685a", "stroke-width": 4 }),
    poster(h, y, down(screen)),
    rect(screen.x_mm - 14, down(screen) - 14, screen.width_mm + 28, screen.height_mm + 28, { rx: 18, fill: CARCASS_EDGE }),
    eye(scanner, down(scanner)), pad(keypad, down(keypad)), sticker(h, down(keypad) + keypad.height_mm));
}

function poster(head, top, bottom) {
  const height = bottom - top - 70;
  if (height < 160) return svg("g");
  const middle = head.x_mm + head.width_mm / 2;
  return svg("g", {},
    rect(head.x_mm + 46, top + 34, head.width_mm - 92, height - 14, { rx: 10, fill: PAPER }),
    persimmon(middle - 62, top + 34 + height * 0.42, 72), persimmon(middle + 74, top + 34 + height * 0.5, 52),
    path(`M${middle - 130} ${top + height * 0.82}h260`, { stroke: "#b8420a", "stroke-width": 8, "stroke-linecap": "round" }),
    path(`M${middle - 90} ${top + height * 0.92}h180`, { stroke: "#1b6b3a", "stroke-width": 8, "stroke-linecap": "round" }));
}

function eye(box, y) {
  const middle = box.x_mm + box.width_mm / 2;
  return svg("g", {},
    rect(box.x_mm, y, box.width_mm, box.height_mm, { rx: 14, fill: "#0d1a14", stroke: "#8fb09e", "stroke-width": 5 }),
    rect(box.x_mm + 16, y + box.height_mm / 2 - 5, box.width_mm - 32, 10, { rx: 5, fill: "#ff5a3c", class: "laser" }),
    path(`M${middle - 34} ${y - 26}l34 20l34 -20`, { fill: "none", stroke: BRASS, "stroke-width": 8, "stroke-linecap": "round", "stroke-linejoin": "round" }));
}

function pad(box, y) {
  const keys = [], w = box.width_mm / 3, h = box.height_mm / 4;
  for (let n = 0; n < 12; n += 1) {
    const fill = n === 11 ? "#6fd195" : n === 9 ? "#ff9186" : "#eef3ee";
    keys.push(rect(box.x_mm + (n % 3) * w + 4, y + Math.floor(n / 3) * h + 4, w - 8, h - 8, { rx: 8, fill }));
  }
  return svg("g", {}, rect(box.x_mm - 6, y - 6, box.width_mm + 12, box.height_mm + 12, { rx: 12, fill: CARCASS_EDGE }), ...keys);
}

function sticker(head, y) {
  const x = head.x_mm + 60, w = head.width_mm - 120, cells = [];
  for (let n = 0; n < 25; n += 1) if ((n * 7 + (n >> 2)) % 3 !== 1) cells.push(rect(x + 18 + (n % 5) * 13, y + 52 + Math.floor(n / 5) * 13, 11, 11, { fill: "#16231b" }));
  return svg("g", {},
    rect(x, y + 34, w, 100, { rx: 12, fill: PAPER }), ...cells,
    path(`M${x + 110} ${y + 84}h44m-16 -16l16 16l-16 16`, { fill: "none", stroke: "#b8420a", "stroke-width": 9, "stroke-linecap": "round", "stroke-linejoin": "round" }),
    rect(x + 182, y + 52, 76, 64, { rx: 8, fill: "#e2f1f5", stroke: "#0b6480", "stroke-width": 5 }),
    rect(x + 238, y + 76, 8, 18, { rx: 4, fill: "#0b6480" }));
}
