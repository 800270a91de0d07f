// One agent: its settings, its state at the voice engine, its numbers, and a call with it.
import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { hrefTo, navigate } from "../router.js";
import { Card, Facts, PageFrame } from "../components/page.js";
import { Loaded, useLoad } from "../components/states.js";
import { Form, useForm } from "../components/form.js";
import { Confirm } from "../components/dialog.js";
import { Time } from "../components/time.js";
import { Icon } from "../components/icon.js";
import { CopyText } from "../components/secret.js";
import { SyncState } from "./agents.js";
import { MainFields, MoreFields } from "./agent_fields.js";
import { bodyOf, formOf } from "./agent_values.js";

const LOOK_AGAIN_MS = 1_500;
const BACK = { href: hrefTo("/agents"), label: "Agents" };

export default function AgentPage(properties) {
  const { route, api } = properties;
  const [id] = route.rest;
  const state = useLoad((signal) => api.get(`/agents/${id}`, {}, { signal }), [id]);
  const status = state.data?.status;
  useEffect(() => {
    if (status !== "draft" && status !== "creating" && !(status === "active" && state.data.sync_error)) return undefined;
    const timer = setTimeout(state.reload, LOOK_AGAIN_MS);
    return () => clearTimeout(timer);
  }, [state.data]);
  if (!state.data) return html`<${PageFrame} title="Agent" back=${BACK}><${Loaded} state=${state} lines=${8} /><//>`;
  return html`<${Agent} ...${properties} agent=${state.data} onChanged=${state.reload} />`;
}

function Agent({ agent, api, session, notify, onChanged }) {
  const admin = session.role === "admin";
  const [deleting, setDeleting] = useState(false);
  const form = useForm(formOf(agent), async (values) => {
    await api.patch(`/agents/${agent.id}`, bodyOf(values));
    form.set("crm_webhook_secret", "");
    notify("Saved. It counts from the next call on.");
    onChanged();
  });
  const remove = async () => {
    await api.del(`/agents/${agent.id}`);
    notify(`${agent.name} was deleted.`);
    navigate("/agents");
  };
  const actions = admin && html`
    <a class="button button-main" href=${hrefTo("/call", { agent: agent.id })}><${Icon} name="headphones" />Call it</a>
    <button type="button" class="button" onClick=${() => setDeleting(true)}><${Icon} name="trash" />Delete</button>`;
  return html`<${PageFrame} title=${agent.name} back=${BACK} actions=${actions}>
    ${agent.sync_error && html`<p class="notice notice-bad" role="status"><span><strong>The voice engine does not take it:</strong> ${agent.sync_error}</span></p>`}
    <div class="columns">
      <${Card} title="Settings">${admin
        ? html`<${Form} form=${form} label="Save"><${MainFields} form=${form} api=${api} /><${MoreFields} form=${form} api=${api} /><//>`
        : html`<${ReadOnly} agent=${agent} />`}<//>
      <div class="stack">
        <${Card} title="State"><${Facts} pairs=${[
          ["At the engine", html`<${SyncState} agent=${agent} />`],
          ["Made", html`<${Time} value=${agent.created_at} />`],
          ["Changed", html`<${Time} value=${agent.updated_at} />`],
        ]} /><${CopyText} text=${agent.id} label="Copy the id" /><//>
        <${Numbers} agent=${agent} admin=${admin} />
        <${Card} title="Calls"><a class="button" href=${hrefTo("/calls", { agent_id: agent.id })}>Calls of this agent</a><//>
      </div></div>
    ${deleting && html`<${Confirm} title="Delete ${agent.name}?" onClose=${() => setDeleting(false)} onConfirm=${remove}>
      <p>${agent.inbound_phone_numbers.length ? "Its numbers belong to nobody then, and calls to them are refused. " : ""}Calls in progress go on. This cannot be undone.</p><//>`}
  <//>`;
}

function Numbers({ agent, admin }) {
  const both = new Map();
  for (const [name, numbers] of [["answers", agent.inbound_phone_numbers], ["calls from it", agent.outbound_phone_numbers]]) {
    for (const number of numbers) both.set(number.id, { number, uses: [...(both.get(number.id)?.uses ?? []), name] });
  }
  return html`<${Card} title="Numbers">
    ${both.size === 0 && html`<p class="muted">It has no number yet. It can be called from the browser all the same.</p>`}
    <ul class="stack">${[...both.values()].map(({ number, uses }) => html`<li key=${number.id}>
      <a href=${hrefTo(`/numbers/${number.id}`)}>${number.phone_number}</a> <span class="muted small">${uses.join(", ")}</span></li>`)}</ul>
    ${admin && html`<a class="button" href=${hrefTo("/numbers")}>Give it a number</a>`}<//>`;
}

function ReadOnly({ agent }) {
  return html`<${Facts} pairs=${[
    ["Model", agent.model], ["Temperature", String(agent.temperature)], ["Language", agent.language_hint],
    ["Records calls", agent.recording_enabled ? "yes" : "no"], ["Longest call", agent.max_duration], ["Greeting", agent.greeting_settings?.text],
    ["Tools", String(agent.tools.length)],
  ]} /><h3>What it should do</h3><p class="break pre-line">${agent.system_prompt}</p>`;
}
