// A secret that is shown once, and text to be copied.
import { html, useState } from "../vendor/preact-htm.js";
import { Dialog } from "./dialog.js";
import { Icon } from "./icon.js";

const SHOWN_MS = 2_000;

/** Text with a button that copies it. */
export function CopyText({ text, label = "Copy" }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
      setTimeout(() => setCopied(false), SHOWN_MS);
    } catch { /* not allowed here: the text can still be marked and copied by hand */ }
  };
  return html`<div class="copy-text"><code class="break">${text}</code>
    <button type="button" class="button button-small" onClick=${copy}><${Icon} name="copy" />
      <span aria-live="polite">${copied ? "Copied" : label}</span></button></div>`;
}

/** Shows a secret that nobody can show again. */
export function SecretOnce({ title, secret, onClose, children }) {
  return html`<${Dialog} title=${title} onClose=${onClose}
    actions=${html`<button type="button" class="button button-main" onClick=${onClose}>I have kept it</button>`}>
    <p>Copy it now: it is shown this once and cannot be shown again.</p>
    <${CopyText} text=${secret} />${children}<//>`;
}
