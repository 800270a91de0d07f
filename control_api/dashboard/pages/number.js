// One telephone number: its two slots, how it is reached, what is asked before it is answered, giving it back.
import { html, useState } from "../vendor/preact-htm.js";
import { hrefTo, navigate } from "../router.js";
import { Card, Facts, PageFrame } from "../components/page.js";
import { Loaded, useLoad } from "../components/states.js";
import { Form, SelectField, TextField, useForm } from "../components/form.js";
import { NumberField, SecondsField } from "../components/fields.js";
import { Confirm } from "../components/dialog.js";
import { Time } from "../components/time.js";
import { Icon } from "../components/icon.js";
import { optionsOf, useAction, useAll } from "../components/choices.js";

const BACK = { href: hrefTo("/numbers"), label: "Numbers" };
const TYPES = ["local", "toll-free", "mobile"];

export default function NumberPage(properties) {
  const { route, api } = properties;
  const [id] = route.rest;
  const state = useLoad((signal) => api.get(`/telephony/numbers/${id}`, {}, { signal }), [id]);
  if (!state.data) return html`<${PageFrame} title="Number" back=${BACK}><${Loaded} state=${state} lines=${6} /><//>`;
  return html`<${OneNumber} ...${properties} number=${state.data} onChanged=${state.reload} />`;
}

function OneNumber({ number, api, session, notify, onChanged }) {
  const admin = session.role === "admin";
  const [releasing, setReleasing] = useState(false);
  const agents = useAll(api, "/agents");
  const trunks = useAll(api, "/trunks");
  const release = async () => {
    await api.del(`/telephony/numbers/${number.id}`);
    notify(`${number.phone_number} was given back.`);
    navigate("/numbers");
  };
  const actions = admin && html`<button type="button" class="button" onClick=${() => setReleasing(true)}><${Icon} name="trash" />Give back</button>`;
  return html`<${PageFrame} title=${number.phone_number} lead=${number.friendly_name} back=${BACK} actions=${actions}>
    <div class="columns">
      <div class="stack">
        <${Card} title="Who has it"><${Slots} number=${number} agents=${agents.data ?? []} api=${api} admin=${admin} notify=${notify} onChanged=${onChanged} /><//>
        ${admin && html`<${Card} title="Settings"><${Settings} number=${number} trunks=${trunks.data ?? []} api=${api} notify=${notify} onChanged=${onChanged} /><//>`}
      </div>
      <div class="stack">
      <${Card} title="About it"><${Facts} pairs=${[
        ["Kind", number.type], ["Country", number.country], ["Carrier", number.provider_type.replace("_", " ")],
        ["Trunk", number.trunk_id && html`<a href=${hrefTo(`/trunks/${number.trunk_id}`)}>${trunks.data?.find((trunk) => trunk.id === number.trunk_id)?.name ?? "its trunk"}</a>`],
        ["Bought here", number.managed ? "yes" : "no"], ["Here since", html`<${Time} value=${number.created_at} />`],
      ]} /><p class="row"><a class="button" href=${hrefTo("/explain", { to: number.phone_number })}>What becomes of a call to it?</a></p><//></div></div>
    ${releasing && html`<${Confirm} title="Give ${number.phone_number} back?" confirm="Give it back" onClose=${() => setReleasing(false)} onConfirm=${release}>
      <p>Calls to it are refused from now on${number.managed ? ", and somebody else may buy it" : ""}. This cannot be undone.</p><//>`}<//>`;
}

function Slots({ number, agents, api, admin, notify, onChanged }) {
  const [act, busy] = useAction(notify);
  const put = (type, agentId) => act(async () => {
    const body = { number_id: number.id, assignment_type: type };
    if (agentId) await api.post("/telephony/numbers/assign", { ...body, agent_id: agentId });
    else await api.post("/telephony/numbers/unassign", body);
    await onChanged();
  }, "Changed. It counts from the next call on.");
  const slot = (label, type, value, hint) => html`<${SelectField} label=${label} value=${value ?? ""} placeholder="nobody" hint=${hint}
    disabled=${!admin || busy} options=${optionsOf(agents)} onInput=${(id) => put(type, id)} />`;
  return html`<div class="form-grid">
    ${slot("Calls to it are answered by", "inbound", number.inbound_agent_id)}
    ${slot("Calls from it are made by", "outbound", number.outbound_agent_id)}</div>
    <p class="hint">A number serves one agent: take it from one before another gets the other half.</p>`;
}

function Settings({ number, trunks, api, notify, onChanged }) {
  const asked = number.precall_webhook;
  const form = useForm({
    friendly_name: number.friendly_name ?? "", type: number.type, trunk_id: number.trunk_id ?? "",
    max_concurrent_calls: number.max_concurrent_calls ?? "",
    precall_webhook: { url: asked?.url ?? "", timeout: asked?.timeout ?? "", secret: "" },
  }, async (values) => {
    const { url, timeout, secret } = values.precall_webhook;
    await api.patch(`/telephony/numbers/${number.id}`, {
      friendly_name: values.friendly_name || null, type: values.type, trunk_id: values.trunk_id || null,
      max_concurrent_calls: values.max_concurrent_calls === "" ? null : values.max_concurrent_calls,
      precall_webhook: url ? { url, ...(timeout ? { timeout } : {}), ...(secret ? { secret } : {}) } : null,
    });
    notify("Saved. It counts from the next call on.");
    form.set("precall_webhook.secret", "");
    onChanged();
  });
  return html`<${Form} form=${form}>
    <div class="form-grid"><${TextField} label="Name" ...${form.bind("friendly_name")} />
      <${SelectField} label="Kind" options=${TYPES} ...${form.bind("type")} />
      <${SelectField} label="Trunk for calls from it" placeholder="any outbound trunk" options=${optionsOf(trunks)} ...${form.bind("trunk_id")} />
      <${NumberField} label="Calls at once" min="1" ...${form.bind("max_concurrent_calls")} hint="Empty: no limit." /></div>
    <h3>Ask before answering</h3>
    <p class="hint">An address of yours is asked what to do with each call while the caller hears it ring.</p>
    <div class="form-grid"><${TextField} label="Address" type="url" placeholder="https://…" ...${form.bind("precall_webhook.url")} error=${form.errors["precall_webhook.url"]} />
      <${SecondsField} label="Wait, in seconds" ...${form.bind("precall_webhook.timeout")} />
      <${TextField} label="Secret that signs it" type="password" autocomplete="new-password" ...${form.bind("precall_webhook.secret")} hint="At least 16 characters; empty: as it was." /></div><//>`;
}
