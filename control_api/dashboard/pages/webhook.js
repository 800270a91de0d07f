// One webhook endpoint: its settings, a test, a new secret, and what became of its deliveries.
import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { hrefTo, navigate } from "../router.js";
import { Card, Facts, PageFrame } from "../components/page.js";
import { DataTable, usePage } from "../components/table.js";
import { Empty, Loaded, useLoad } from "../components/states.js";
import { Form, SelectField, useForm } from "../components/form.js";
import { Confirm, Dialog } from "../components/dialog.js";
import { StatusBadge } from "../components/badge.js";
import { Time } from "../components/time.js";
import { Icon } from "../components/icon.js";
import { SecretOnce } from "../components/secret.js";
import { useAction } from "../components/choices.js";
import { EVENTS, EndpointFields, EndpointState, endpointBody } from "./webhooks.js";

const BACK = { href: hrefTo("/webhooks"), label: "Webhooks" };
const STATES = [{ value: "pending", label: "pending" }, { value: "delivered", label: "delivered" }, { value: "dead", label: "given up" }];
const LOOK_AGAIN_MS = 2_000;
const IDLE_LOOK_MS = 5_000;

export default function WebhookPage(properties) {
  const { route, api } = properties;
  const [id] = route.rest;
  const state = useLoad((signal) => api.get(`/webhooks/${id}`, {}, { signal }), [id]);
  if (!state.data) return html`<${PageFrame} title="Webhook" back=${BACK}><${Loaded} state=${state} lines=${8} /><//>`;
  return html`<${Endpoint} ...${properties} endpoint=${state.data} onChanged=${state.reload} />`;
}

function Endpoint({ endpoint, route, api, session, notify, onChanged }) {
  const admin = session.role === "admin";
  const [asked, setAsked] = useState(null); // "delete" or "rotate"
  const [secret, setSecret] = useState(null);
  const path = `/webhooks/${endpoint.id}`;
  const [act, busy] = useAction(notify);
  const switchTo = (enabled) => act(async () => { await api.patch(path, { enabled }); onChanged(); }, enabled ? "Switched on." : "Switched off.");
  const actions = admin && html`
    <button type="button" class="button" disabled=${busy} onClick=${() => switchTo(!endpoint.enabled)}>${endpoint.enabled ? "Switch off" : "Switch on"}</button>
    <button type="button" class="button" onClick=${() => setAsked("rotate")}><${Icon} name="key" />New secret</button>
    <button type="button" class="button" onClick=${() => setAsked("delete")}><${Icon} name="trash" />Delete</button>`;
  return html`<${PageFrame} title="Webhook" lead=${html`<span class="break">${endpoint.url}</span>`} back=${BACK} actions=${actions}>
    ${endpoint.disabled_reason && html`<p class="notice notice-bad" role="status"><span><strong>Switched off:</strong> ${endpoint.disabled_reason}</span></p>`}
    <div class="columns">
      <${Deliveries} path=${path} route=${route} api=${api} admin=${admin} notify=${notify} />
      <div class="stack">
        ${admin && html`<${Card} title="Try it"><${TestEvent} path=${path} api=${api} /><//>
          <${Card} title="Settings"><${Settings} endpoint=${endpoint} api=${api} notify=${notify} onChanged=${onChanged} /><//>`}
        <${Card} title="State"><${Facts} pairs=${[
          ["Events are sent", html`<${EndpointState} endpoint=${endpoint} />`],
          ["Events", endpoint.events ? endpoint.events.join(", ") : "all"],
          ["Old secret signs until", endpoint.previous_secret_until && html`<${Time} value=${endpoint.previous_secret_until} exact />`],
          ["Made", html`<${Time} value=${endpoint.created_at} />`]]} /><//></div></div>
    ${asked === "delete" && html`<${Confirm} title="Delete this endpoint?" onClose=${() => setAsked(null)}
      onConfirm=${async () => { await api.del(path); notify("The endpoint was deleted."); navigate("/webhooks"); }}>
      <p>What waits for it is dropped. This cannot be undone.</p><//>`}
    ${asked === "rotate" && html`<${Confirm} title="Make a new secret?" confirm="Make it" danger=${false} onClose=${() => setAsked(null)}
      onConfirm=${async () => { setSecret((await api.post(`${path}/rotate-secret`, {})).secret); onChanged(); }}>
      <p>The old one signs as well for one more day, so that nothing is lost while your receiver changes over.</p><//>`}
    ${secret && html`<${SecretOnce} title="The new secret" secret=${secret} onClose=${() => setSecret(null)} />`}<//>`;
}

function TestEvent({ path, api }) {
  const [state, setState] = useState({});
  const send = async () => {
    setState({ busy: true });
    try {
      setState({ result: await api.post(`${path}/test`) });
    } catch (error) {
      setState({ error });
    }
  };
  const { busy, result, error } = state;
  return html`<p class="muted">Sends the event <code>webhook.test</code> now.</p>
    <p class="row"><button type="button" class="button" disabled=${busy} onClick=${send}>Send a test event</button></p>
    <div class="test-result" aria-live="polite">${busy && html`<span class="muted">Sending …</span>`}
      ${result && html`<${StatusBadge} tone=${result.delivered ? "good" : "bad"} label=${result.delivered ? "taken" : "not taken"} />
        <p>${result.status ? `It answered ${result.status}` : result.error ?? "It did not answer"} after ${result.duration_ms} ms.</p>`}
      ${error && html`<p class="notice notice-bad" role="alert">${error.message}</p>`}</div>`;
}

function Settings({ endpoint, api, notify, onChanged }) {
  const form = useForm({
    url: endpoint.url, description: endpoint.description ?? "", all: endpoint.events === null, events: endpoint.events ?? [],
  }, async (values) => {
    await api.patch(`/webhooks/${endpoint.id}`, endpointBody(values));
    notify("Saved.");
    onChanged();
  });
  return html`<${Form} form=${form}><${EndpointFields} form=${form} /><//>`;
}

function Deliveries({ path, route, api, admin, notify }) {
  const { state = "", event = "" } = route.query;
  const set = (changes) => navigate(path, { state, event, ...changes }, { replace: true });
  const [shown, setShown] = useState(null);
  const [act, busy] = useAction(notify);
  const page = usePage((place, signal) => api.list(`${path}/deliveries`, { state, event, ...place }, { signal }), [path, state, event]);
  const waiting = page.data?.items.some((delivery) => delivery.state === "pending");
  useEffect(() => {
    const timer = setTimeout(page.reload, waiting ? LOOK_AGAIN_MS : IDLE_LOOK_MS);
    return () => clearTimeout(timer);
  }, [page.data]);
  const replay = (delivery) => act(async () => { await api.post(`${path}/deliveries/${delivery.id}/replay`); page.reload(); }, "It is sent again.");
  const replayDead = () => act(async () => {
    const { replayed } = await api.post(`${path}/replay-dead`);
    notify(replayed ? `${replayed} are sent again.` : "None was given up.");
    page.reload();
  });
  const columns = [
    { key: "event", title: "Event", main: true, render: (delivery) => html`<button type="button" class="link-button" onClick=${() => setShown(delivery)}>${delivery.event}</button>` },
    { key: "state", title: "State", render: (delivery) => html`<${DeliveryState} delivery=${delivery} />` },
    { key: "attempts", title: "Tries", align: "end", wide: true },
    { key: "last", title: "Last answer", wide: true, render: (delivery) => html`<span class="break">${delivery.last_status ?? delivery.last_error ?? ""}</span>` },
    { key: "created_at", title: "When", wide: true, render: (delivery) => html`<${Time} value=${delivery.created_at} />` },
    { key: "act", title: html`<span class="unseen">Actions</span>`, align: "end", render: (delivery) => admin && delivery.state !== "pending" && html`
      <button type="button" class="button button-small" disabled=${busy} aria-label="Send ${delivery.event} again" onClick=${() => replay(delivery)}>Send again</button>` },
  ];
  return html`<${Card} title="Deliveries" actions=${html`<span class="row">
      <button type="button" class="button button-small" onClick=${page.reload}><${Icon} name="refresh" />Refresh</button>
      ${admin && html`<button type="button" class="button button-small" disabled=${busy} onClick=${replayDead}>Send again what was given up</button>`}</span>`}>
    <form class="filters" role="search" aria-label="Filter deliveries" onSubmit=${(submitted) => submitted.preventDefault()}>
      <${SelectField} label="State" placeholder="any" options=${STATES} value=${state} onInput=${(value) => set({ state: value })} />
      <${SelectField} label="Event" placeholder="any" options=${EVENTS} value=${event} onInput=${(value) => set({ event: value })} /></form>
    <${DataTable} caption="Deliveries, newest first" columns=${columns} page=${page}
      empty=${html`<${Empty} icon="webhook" title=${state || event ? "No delivery fits" : "Nothing was sent yet"}>Events of calls appear here as they are sent.<//>`} />
    ${shown && html`<${Payload} path=${`${path}/deliveries/${shown.id}`} delivery=${shown} api=${api} onClose=${() => setShown(null)} />`}<//>`;
}

function DeliveryState({ delivery }) {
  if (delivery.state === "dead") return html`<${StatusBadge} status="dead" label="given up" />`;
  return html`<${StatusBadge} status=${delivery.state} label=${delivery.state === "pending" && delivery.attempts ? "tried again soon" : undefined} />`;
}

function Payload({ path, delivery, api, onClose }) {
  const state = useLoad((signal) => api.get(path, {}, { signal }), [path]);
  return html`<${Dialog} title=${delivery.event} onClose=${onClose} wide><${Loaded} state=${state} lines=${5}>${(found) => html`
    <${Facts} pairs=${[
      ["State", html`<${DeliveryState} delivery=${found} />`], ["Tries", String(found.attempts)], ["Last answer", found.last_status], ["Last error", found.last_error],
      ["Next try", found.next_attempt_at && html`<${Time} value=${found.next_attempt_at} exact />`],
      ["Event id", html`<code>${found.event_id}</code>`],
      ["Call", found.event.startsWith("call.") && html`<a href=${hrefTo(`/calls/${found.subject_id}`)}>${found.subject_id.slice(0, 8)}</a>`]]} />
    <pre class="code-box" tabindex="0" aria-label="What is sent">${JSON.stringify(found.payload, null, 2)}</pre>`}<//><//>`;
}
