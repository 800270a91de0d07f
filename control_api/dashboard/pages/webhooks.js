// Webhooks: the endpoints, and one with its deliveries (`#/webhooks/ID`).
import { html, useState } from "../vendor/preact-htm.js";
import { hrefTo, navigate } from "../router.js";
import { PageFrame } from "../components/page.js";
import { DataTable, usePage } from "../components/table.js";
import { Empty } from "../components/states.js";
import { Part } from "../components/part.js";
import { CheckField, Form, TextField, useForm } from "../components/form.js";
import { Dialog } from "../components/dialog.js";
import { StatusBadge } from "../components/badge.js";
import { Time } from "../components/time.js";
import { Icon } from "../components/icon.js";
import { ChoicesField, Folded } from "../components/fields.js";
import { SecretOnce } from "../components/secret.js";

export const EVENTS = ["call.ringing", "call.started", "call.ended", "call.failed", "call.cancelled", "call.analyzed", "call.recording.ready",
  "transfer.started", "transfer.progress", "transfer.completed", "transfer.failed", "batch.status.changed", "batch.completed"];

export default function Webhooks(properties) {
  const [first] = properties.route.rest;
  return first ? html`<${Part} key=${first} load=${() => import("./webhook.js")} ...${properties} />` : html`<${EndpointList} ...${properties} />`;
}

function EndpointList({ api, session }) {
  const admin = session.role === "admin";
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState(null);
  const page = usePage((place, signal) => api.list("/webhooks", place, { signal }));
  const columns = [
    { key: "url", title: "Address", main: true, render: (endpoint) => html`<span class="break">${endpoint.url}</span>` },
    { key: "enabled", title: "State", render: (endpoint) => html`<${EndpointState} endpoint=${endpoint} />` },
    { key: "events", title: "Events", wide: true, render: (endpoint) => (endpoint.events ? `${endpoint.events.length} of ${EVENTS.length}` : "all") },
    { key: "description", title: "Note", wide: true },
    { key: "created_at", title: "Made", wide: true, render: (endpoint) => html`<${Time} value=${endpoint.created_at} />` },
  ];
  const add = html`<button type="button" class="button button-main" onClick=${() => setMaking(true)}><${Icon} name="plus" />New endpoint</button>`;
  return html`<${PageFrame} title="Webhooks" lead="Addresses of yours that are told what happens." actions=${admin && add}>
    <${DataTable} caption="Endpoints, newest first" columns=${columns} page=${page} hrefOf=${(endpoint) => hrefTo(`/webhooks/${endpoint.id}`)}
      empty=${html`<${Empty} icon="webhook" title="No endpoints yet">Add an address of yours, and every event of a call is sent there, signed.<//>`} />
    ${making && html`<${NewEndpoint} api=${api} onClose=${() => setMaking(false)} onMade=${(endpoint) => { setMaking(false); setMade(endpoint); }} />`}
    ${made && html`<${SecretOnce} title="The secret that signs" secret=${made.secret} onClose=${() => navigate(`/webhooks/${made.id}`)}>
      <p class="muted small">With it your receiver checks that an event comes from here.</p><//>`}<//>`;
}

/** Whether an endpoint is sent events, and why not. */
export function EndpointState({ endpoint }) {
  if (endpoint.enabled) return html`<${StatusBadge} status="active" label="on" />`;
  return html`<${StatusBadge} status="off" tone=${endpoint.disabled_reason ? "bad" : "calm"} label="off" />`;
}

/** The fields of an endpoint; `events` is the list of the chosen ones, all of them when `all`. */
export function EndpointFields({ form }) {
  const { values, errors } = form;
  return html`<${TextField} label="Address" type="url" required placeholder="https://example.com/hooks/calls" ...${form.bind("url")} />
    <${TextField} label="Note" ...${form.bind("description")} />
    <${Folded} title="Events" note=${values.all ? "all, also those to come" : `${values.events.length} chosen`} errors=${errors} fields=${["events"]}>
      <${CheckField} label="All events, also those to come" ...${form.bind("all")} />
      ${!values.all && html`<${ChoicesField} label="These events" options=${EVENTS.map((value) => ({ value, label: value }))} ...${form.bind("events")} />`}<//>`;
}

/** What the API takes of those fields. */
export function endpointBody({ url, description, all, events }) {
  return { url, description: description || null, events: all ? null : events };
}

function NewEndpoint({ api, onClose, onMade }) {
  const form = useForm({ url: "", description: "", all: true, events: [] }, async (values) => onMade(await api.post("/webhooks", endpointBody(values))));
  return html`<${Dialog} title="New endpoint" onClose=${onClose}><${Form} form=${form} label="Make the endpoint"><${EndpointFields} form=${form} /><//><//>`;
}
