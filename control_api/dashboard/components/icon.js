// Line icons, drawn in the text's colour. They say nothing to a screen reader: the words beside them do.
import { html } from "../vendor/preact-htm.js";

const PATHS = {
  activity: "M3 12h4l3-8 4 16 3-8h4",
  agent: "M12 3a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM4 21c0-4 3.5-7 8-7s8 3 8 7",
  bell: "M6 16V11a6 6 0 1 1 12 0v5l2 2H4zM10 21h4",
  book: "M5 4h11a3 3 0 0 1 3 3v13H8a3 3 0 0 1-3-3zM5 17a3 3 0 0 1 3-3h11",
  chevron: "M9 6l6 6-6 6",
  clock: "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18zM12 7v5l3 2",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  edit: "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3",
  filter: "M4 5h16l-6 7v6l-4 2v-8z",
  hangup: "M2 14c0-3 5-5 10-5s10 2 10 5l-1 3-5-1v-3c-2.500-.8-5.500-.8-8 0v3l-5 1z",
  hash: "M5 9h14M5 15h14M10 4L8 20M16 4l-2 16",
  headphones: "M4 15v-2a8 8 0 0 1 16 0v2M4 15h3v5H4zM17 15h3v5h-3z",
  key: "M8 11a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM11 12l9-9M16 7l3 3",
  logout: "M10 4H5v16h5M14 8l4 4-4 4M18 12H9",
  menu: "M4 6h16M4 12h16M4 18h16",
  microphone: "M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zM5 11a7 7 0 0 0 14 0M12 18v3",
  pause: "M8 5v14M16 5v14",
  people: "M8 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6zM2 20c0-4 2.500-6 6-6s6 2 6 6M16 5a3 3 0 0 1 0 6M17 14c3 .5 5 2.500 5 6",
  phone: "M5 4h4l2 5-2.500 1.500a11 11 0 0 0 5 5L15 13l5 2v4a1 1 0 0 1-1 1A15 15 0 0 1 4 5a1 1 0 0 1 1-1z",
  play: "M7 4l13 8-13 8z",
  plus: "M12 5v14M5 12h14",
  refresh: "M20 11a8 8 0 1 0-2 6M20 5v6h-6",
  route: "M6 4a2 2 0 1 1 0 4 2 2 0 0 1 0-4zM18 16a2 2 0 1 1 0 4 2 2 0 0 1 0-4zM6 8v6a4 4 0 0 0 4 4h6",
  search: "M11 4a7 7 0 1 1 0 14 7 7 0 0 1 0-14zM16 16l5 5",
  shield: "M12 3l8 3v6c0 5-3.500 8-8 9-4.500-1-8-4-8-9V6z",
  transfer: "M4 8h14l-4-4M20 16H6l4 4",
  trash: "M5 7h14M10 4h4M7 7l1 13h8l1-13",
  trunk: "M4 5h16v5H4zM4 14h16v5H4zM8 7.500h.01M8 16.500h.01",
  upload: "M12 16V4M7 9l5-5 5 5M5 20h14",
  users: "M9 4a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM2 20c0-4 3-6 7-6s7 2 7 6M17 8v6M14 11h6",
  warning: "M12 4l9 16H3zM12 10v4M12 17h.01",
  webhook: "M9 8a3.500 3.500 0 1 1 5 3l3 5M12 8l-4 7M7 15a3 3 0 1 0 3 3h7a3 3 0 1 0 0-3",
};

/** `name` is a key of the table above. */
export function Icon({ name, size = 18 }) {
  return html`<svg class="icon" width=${size} height=${size} viewBox="0 0 24 24" fill="none" stroke="currentColor"
    stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">
    <path d=${PATHS[name] ?? ""} /></svg>`;
}
