// Short news in a corner, read out by screen readers, gone after some seconds.
import { html, useCallback, useState } from "../vendor/preact-htm.js";
import { Icon } from "./icon.js";

const STAYS_MS = 6_000;
const MOST = 4;
let last = 0;

/** Returns [toasts, notify]: `notify(text, tone = "good")`, tone good or bad. */
export function useToasts() {
  const [toasts, setToasts] = useState([]);
  const dismiss = useCallback((id) => setToasts((before) => before.filter((toast) => toast.id !== id)), []);
  const notify = useCallback((text, tone = "good") => {
    const id = ++last;
    setToasts((before) => [...before.slice(1 - MOST), { id, text, tone }]);
    setTimeout(() => dismiss(id), STAYS_MS);
  }, []);
  return [toasts.map((toast) => ({ ...toast, dismiss: () => dismiss(toast.id) })), notify];
}

export function Toasts({ toasts }) {
  return html`<div class="toasts" role="status" aria-live="polite">${toasts.map((toast) => html`
    <div key=${toast.id} class="toast toast-${toast.tone}"><span>${toast.text}</span>
      <button type="button" class="button button-icon" aria-label="Dismiss" onClick=${toast.dismiss}><${Icon} name="close" size=${16} /></button></div>`)}</div>`;
}
