// How loud somebody is, and how good a call sounds.
import { html } from "../vendor/preact-htm.js";

const QUIET_DB = -60;
const LOUD_DB = -6;

/** `level` is dB below overload, or null for silence. */
export function Meter({ level, label, side }) {
  const share = level === null || level === undefined ? 0 : Math.min(1, Math.max(0, (level - QUIET_DB) / (LOUD_DB - QUIET_DB)));
  return html`<span class="meter meter-${side}" role="img" aria-label="${label}: ${share ? `${Math.round(level)} dB` : "silent"}" title=${label}>
    <span class="meter-fill" style=${{ transform: `scaleX(${share.toFixed(3)})` }}></span></span>`;
}

/** A mean opinion score of 1 to 4.5. */
export function Mos({ value }) {
  if (value === null || value === undefined) return html`<span class="muted">–</span>`;
  const tone = value >= 4 ? "good" : value >= 3.4 ? "busy" : "bad";
  const word = { good: "good", busy: "fair", bad: "poor" }[tone];
  return html`<span class="mos mos-${tone}" title="Mean opinion score of the last seconds: ${word}">${value.toFixed(1)} <span class="unseen">${word}</span></span>`;
}
