// Makes elements. Attributes only: the page's policy allows no inline style.
const SVG = "http://www.w3.org/2000/svg";

export function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function html(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export const rect = (x, y, width, height, attributes = {}) => svg("rect", { x, y, width, height, ...attributes });
export const path = (d, attributes = {}) => svg("path", { d, ...attributes });
