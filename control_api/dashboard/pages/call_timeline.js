// Every step of a call, with the time between.
import { html, useState } from "../vendor/preact-htm.js";
import { Card } from "../components/page.js";
import { ErrorState, Loading } from "../components/states.js";

const FEW = 14;

export function Timeline({ steps, state }) {
  const [all, setAll] = useState(false);
  if (!steps.length) {
    return html`<${Card} title="Timeline">${state.error ? html`<${ErrorState} error=${state.error} onRetry=${state.reload} />`
      : state.busy ? html`<${Loading} lines=${5} />` : html`<p class="muted">Nothing has happened yet.</p>`}<//>`;
  }
  const shown = all || steps.length <= FEW + 2 ? steps : [...steps.slice(0, FEW / 2), null, ...steps.slice(-FEW / 2)];
  return html`<${Card} title="Timeline"><ol class="timeline">${shown.map((step) => (step === null
    ? html`<li key="more" class="timeline-more"><button type="button" class="button button-small" onClick=${() => setAll(true)}>Show ${steps.length - FEW} more</button></li>`
    : html`<li key=${step.sequence}><span class="timeline-at number">${seconds(step.t_ms)}</span>
      <span class="timeline-what"><strong>${step.kind.replaceAll("-", " ")}</strong> <span class="muted break">${detailOf(step.detail)}</span></span></li>`))}</ol><//>`;
}

function seconds(milliseconds) {
  return `${(milliseconds / 1000).toFixed(milliseconds < 100_000 ? 2 : 1)} s`;
}

/** The detail in one line: `from queued, to ringing`. */
function detailOf(detail) {
  return Object.entries(detail ?? {})
    .filter(([, value]) => value !== null && value !== "")
    .map(([name, value]) => `${name.replaceAll("_", " ")} ${typeof value === "object" ? JSON.stringify(value) : value}`)
    .join(", ");
}
