// What is happening now: calls and how they sound, room, trunks, and what has failed lately. Told by the gateway
// once a second.
import { html, useState } from "../vendor/preact-htm.js";
import { hrefTo } from "../router.js";
import { Card, Figure, PageFrame } from "../components/page.js";
import { Empty, Loading, useLoad } from "../components/states.js";
import { StatusBadge } from "../components/badge.js";
import { duration, useNow } from "../components/time.js";
import { Meter, Mos } from "../components/meter.js";
import { useEvents } from "../event_source.js";
import { CallActions } from "./call_actions.js";

const AGENTS_SHOWN = 100;

export default function Live(properties) {
  const { api } = properties;
  const [live, setLive] = useState(null);
  const connection = useEvents(api.url("/live"), { live: setLive }, () => api.get("/session").catch(() => {}));
  const agents = useLoad((signal) => api.list("/agents", { limit: AGENTS_SHOWN }, { signal }));
  const agentName = (id) => agents.data?.items.find((agent) => agent.id === id)?.name ?? id.slice(0, 8);
  const word = { open: ["good", "live"], connecting: ["busy", "connecting"], broken: ["bad", "connection lost"] }[connection];
  return html`<${PageFrame} title="Live" actions=${html`<span role="status"><${StatusBadge} tone=${word[0]} label=${word[1]} /></span>`}>
    ${live === null ? html`<${Loading} lines=${8} />` : html`
      <${Figures} live=${live} />
      <${Calls} ...${properties} live=${live} agentName=${agentName} />
      <div class="grid"><${Trunks} trunks=${live.trunks} /><${Failures} failures=${live.failures_last_hour} /></div>`}<//>`;
}

function Figures({ live }) {
  const failed = Object.values(live.failures_last_hour).reduce((sum, count) => sum + count, 0);
  const room = ({ busy, limit }) => (limit === null ? `${busy}` : `${busy} of ${limit}`);
  const full = ({ busy, limit }) => limit !== null && busy >= limit;
  const poor = live.calls.filter((call) => call.sound?.diagnosis).length;
  return html`<div class="figures">
    <${Figure} label="Calls now" value=${live.call_count} note=${poor ? `${poor} with trouble` : "all sound well"} tone=${poor ? "bad" : undefined} />
    <${Figure} label="Calls a second" value=${(live.calls_last_minute / 60).toFixed(2)} note="${live.calls_last_minute} begun in the last minute" />
    <${Figure} label="Inbound" value=${room(live.capacity.inbound)} note="of the places on a node" tone=${full(live.capacity.inbound) ? "bad" : undefined} />
    <${Figure} label="Outbound" value=${room(live.capacity.outbound)} note="of the places on a node" tone=${full(live.capacity.outbound) ? "bad" : undefined} />
    <${Figure} label="Failed" value=${failed} note="in the last hour" tone=${failed ? "bad" : "good"} /></div>`;
}

function Calls({ live, agentName, api, session, notify }) {
  const now = useNow();
  if (!live.calls.length) {
    return html`<${Card} title="Calls" flush><${Empty} icon="phone" title="Nobody is calling">A call appears here the moment it comes in or is placed.<//><//>`;
  }
  return html`<${Card} title="Calls" flush actions=${live.call_count > live.calls.length && html`<span class="muted small">the newest ${live.calls.length} of ${live.call_count}</span>`}>
    <div class="table-frame" tabindex="0" role="region" aria-label="Calls in progress"><table class="table live-table"><caption class="unseen">Calls in progress</caption>
      <thead><tr><th scope="col">With</th><th scope="col" class="wide-only">State</th><th scope="col" class="wide-only">Agent</th><th scope="col" class="end wide-only">Time</th>
        <th scope="col" class="wide-only">Sound</th><th scope="col" class="end wide-only">MOS</th><th scope="col" class="end"><span class="unseen">Actions</span></th></tr></thead>
      <tbody>${live.calls.map((call) => html`<tr key=${call.id} data-call=${call.id}>
        <td><a href=${hrefTo(`/calls/${call.id}`)}>${call.phone_number ?? (call.direction === "webrtc" ? "browser" : "unknown")}</a>
          <span class="live-way muted small">${call.direction === "inbound" ? "to" : "from"} ${call.from_number ?? "–"}</span>
          <span class="narrow-only"><span class="live-state small number">${call.status.replace("-", " ")}, ${lasted(call, now)}</span></span></td>
        <td class="wide-only"><${StatusBadge} status=${call.status} /></td>
        <td class="wide-only">${agentName(call.agent_id)}</td>
        <td class="end number wide-only">${lasted(call, now)}</td>
        <td class="wide-only">${call.sound ? html`<span class="meters"><${Meter} level=${call.sound.contact_level_dbov} label="Contact" side="contact" />
          <${Meter} level=${call.sound.agent_level_dbov} label="Agent" side="agent" /></span>` : html`<span class="muted">–</span>`}
          ${call.sound?.diagnosis && html`<span class="live-trouble small">${call.sound.diagnosis}</span>`}</td>
        <td class="end wide-only"><${Mos} value=${call.sound?.mos} /></td>
        <td class="end"><${CallActions} ...${{ call, api, session, notify }} small /></td></tr>`)}</tbody></table></div><//>`;
}

/** How long it has lasted: since the answer, before that since it came. */
function lasted(call, now) {
  return duration((now - Date.parse(call.started_at ?? call.created_at)) / 1000);
}

function Trunks({ trunks }) {
  return html`<${Card} title="Trunks">${trunks.length === 0 ? html`<p class="muted">There is no trunk yet.</p>` : html`
    <ul class="lines">${trunks.map((trunk) => html`<li key=${trunk.id}><span class="break">${trunk.name}</span>
      <span class="row">${trunk.registration && html`<span title=${trunk.registration.error ?? "registration"}><${StatusBadge} status=${trunk.registration.state} /></span>`}
        ${trunk.probe && html`<span title=${trunk.probe.text}><${StatusBadge} status=${trunk.probe.state} tone=${trunk.probe.state === "reachable" ? "good" : "bad"} /></span>`}
        ${!trunk.registration && !trunk.probe && html`<span class="muted small" title="It neither registers nor is asked by OPTIONS.">not watched</span>`}</span></li>`)}</ul>`}<//>`;
}

function Failures({ failures }) {
  const sorted = Object.entries(failures).sort(([, one], [, other]) => other - one);
  const most = Math.max(1, ...sorted.map(([, count]) => count));
  return html`<${Card} title="Why calls failed, last hour" actions=${html`<a class="small" href=${hrefTo("/calls", { status: "failed" })}>failed calls</a>`}>
    ${sorted.length === 0 ? html`<p class="muted">No call has failed.</p>` : html`<ul class="lines">${sorted.map(([reason, count]) => html`<li key=${reason}>
      <span>${reason.replaceAll("-", " ")}</span><span class="bar-line"><span class="bar-fill" style=${{ width: `${(100 * count) / most}%` }}></span></span>
      <span class="number">${count}</span></li>`)}</ul>`}<//>`;
}
