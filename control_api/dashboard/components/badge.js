// The state of something in a word and a colour; the word alone is enough to understand it.
import { html } from "../vendor/preact-htm.js";

const TONES = {
  good: ["in-progress", "active", "up", "registered", "ready", "delivered", "running", "ok", "verified", "positive", "connected"],
  busy: ["queued", "ringing", "creating", "pending", "scheduled", "processing", "registering", "retrying", "draining"],
  bad: ["failed", "down", "dead", "error", "refused", "revoked", "not_ready", "unreachable", "negative"],
  calm: ["ended", "completed", "cancelled", "draft", "paused", "stopped", "unknown", "inactive", "off"],
};
const TONE_OF = Object.fromEntries(Object.entries(TONES).flatMap(([tone, words]) => words.map((word) => [word, tone])));

/** `status` is a word of the API; `tone` (good, busy, bad, calm) overrides the colour, `label` the word. */
export function StatusBadge({ status, tone, label }) {
  const colour = tone ?? TONE_OF[status] ?? "calm";
  return html`<span class="badge badge-${colour}">${label ?? String(status ?? "unknown").replaceAll(/[-_]/g, " ")}</span>`;
}
