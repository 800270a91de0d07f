// One call: what happened, how it sounded, and why it ended.
import { html } from "../vendor/preact-htm.js";
import { Card, Facts, PageFrame } from "../components/page.js";
import { Loaded, useLoad } from "../components/states.js";
import { StatusBadge } from "../components/badge.js";
import { Time, duration } from "../components/time.js";

export default function Call({ route, api }) {
  const id = route.rest[0];
  const call = useLoad((signal) => api.get(`/calls/${encodeURIComponent(id)}`, {}, { signal }), [id]);
  return html`<${PageFrame} title="Call" back=${{ href: "#/calls", label: "Calls" }}>
    <${Loaded} state=${call} lines=${8}>${(known) => html`<${Card} title=${known.phone_number ?? "Unknown number"} actions=${html`<${StatusBadge} status=${known.status} />`}>
      <${Facts} pairs=${[
        ["Direction", known.direction],
        ["Our number", known.from_number],
        ["Created", html`<${Time} value=${known.created_at} exact />`],
        ["Length", duration(known.duration_seconds)],
        ["Failure", known.failure_reason],
        ["End", known.end_reason],
      ]} /><//>`}<//><//>`;
}
