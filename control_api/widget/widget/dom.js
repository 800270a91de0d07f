// Elements made without markup: pages with a strict policy allow neither inline styles nor trusted HTML.

/** `h("button", {class: "x", onclick: act, hidden: true}, "text", child)` */
export function h(tag, properties = {}, ...children) {
  const element = tag === "svg" || tag === "path" ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

const PATHS = {
  call: "M6.6 10.8a15 15 0 0 0 6.6 6.6l2.2-2.2a1 1 0 0 1 1-.25 11 11 0 0 0 3.6.6 1 1 0 0 1 1 1V20a1 1 0 0 1-1 1A17 17 0 0 1 3 4a1 1 0 0 1 1-1h3.5a1 1 0 0 1 1 1 11 11 0 0 0 .6 3.6 1 1 0 0 1-.25 1z",
  microphone: "M12 14a3 3 0 0 0 3-3V5a3 3 0 0 0-6 0v6a3 3 0 0 0 3 3zm5-3a5 5 0 0 1-10 0H5a7 7 0 0 0 6 6.9V21h2v-3.1a7 7 0 0 0 6-6.9z",
  "microphone-off": "M19 11h-2a5 5 0 0 1-.5 2.2l1.5 1.5a7 7 0 0 0 1-3.7zM15 11V5a3 3 0 0 0-5.9-.8zM4.3 3 3 4.3l6 6V11a3 3 0 0 0 4.2 2.7l1.5 1.5A5 5 0 0 1 7 11H5a7 7 0 0 0 6 6.9V21h2v-3.1a7 7 0 0 0 3.1-1.2l3.6 3.6 1.3-1.3z",
  keypad: "M5 4h3v3H5zm5.5 0h3v3h-3zM16 4h3v3h-3zM5 9.5h3v3H5zm5.5 0h3v3h-3zm5.5 0h3v3h-3zM5 15h3v3H5zm5.5 0h3v3h-3zm5.5 0h3v3h-3z",
  settings: "M4 7h8.2a3 3 0 0 0 5.6 0H20V5h-2.2a3 3 0 0 0-5.6 0H4zm0 6h2.2a3 3 0 0 0 5.6 0H20v-2h-8.2a3 3 0 0 0-5.6 0H4zm0 6h8.2a3 3 0 0 0 5.6 0H20v-2h-2.2a3 3 0 0 0-5.6 0H4z",
  "hang-up": "M12 9c-1.6 0-3.15.25-4.6.72v3.1a1 1 0 0 1-.56.9 11 11 0 0 0-2.66 1.85 1 1 0 0 1-1.4 0L.3 13.1a1 1 0 0 1 0-1.4A17 17 0 0 1 12 7c4.55 0 8.7 1.8 11.7 4.7a1 1 0 0 1 0 1.4l-2.5 2.5a1 1 0 0 1-1.4 0 11 11 0 0 0-2.66-1.85 1 1 0 0 1-.56-.9v-3.1A15 15 0 0 0 12 9z",
  send: "M2 21 23 12 2 3v7l15 2-15 2z",
};

export function icon(name) {
  return h("svg", { viewBox: "0 0 24 24", "aria-hidden": "true", class: "icon" }, h("path", { d: PATHS[name] }));
}

export function changeIcon(svg, name) {
  svg.firstChild.setAttribute("d", PATHS[name]);
}
