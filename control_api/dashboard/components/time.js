// Points in time and lengths of time as people read them.
import { html, useEffect, useState } from "../vendor/preact-htm.js";

const STEPS = [["year", 31_536_000], ["month", 2_592_000], ["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

/** "3 min. ago" of an ISO 8601 time. */
export function ago(iso, now = Date.now()) {
  const seconds = Math.round((Date.parse(iso) - now) / 1000);
  const [unit, length] = STEPS.find(([, each]) => Math.abs(seconds) >= each) ?? STEPS.at(-1);
  return relative.format(Math.trunc(seconds / length), unit);
}

/** The date and time here of an ISO 8601 time. */
export function localTime(iso) {
  return absolute.format(new Date(iso));
}

/** The time of day here. */
export function clockTime(iso) {
  return clock.format(new Date(iso));
}

/** 75 as "1:15", 3675 as "1:01:15"; null as a dash. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (parts[0] === 0) parts.shift();
  return parts.map((part, index) => (index ? String(part).padStart(2, "0") : part)).join(":");
}

/** The present time in milliseconds, drawn anew every `everyMs`. */
export function useNow(everyMs = 1_000) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

/** A time: how long ago, the exact time as its title. `exact` shows the exact time itself. */
export function Time({ value, exact = false }) {
  if (!value) return html`<span class="muted">–</span>`;
  return html`<time datetime=${value} title=${localTime(value)}>${exact ? localTime(value) : ago(value)}</time>`;
}
