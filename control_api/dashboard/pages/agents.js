// Agents: the list, a new one (`#/agents/new`), and one agent (`#/agents/ID`).
import { html } from "../vendor/preact-htm.js";
import { hrefTo, navigate } from "../router.js";
import { PageFrame } from "../components/page.js";
import { DataTable, usePage } from "../components/table.js";
import { Empty } from "../components/states.js";
import { Part } from "../components/part.js";
import { StatusBadge } from "../components/badge.js";
import { Time } from "../components/time.js";
import { SelectField, TextField } from "../components/form.js";
import { Icon } from "../components/icon.js";

const STATUSES = ["active", "creating", "draft", "failed"];

export default function Agents(properties) {
  const [first] = properties.route.rest;
  if (!first) return html`<${AgentList} ...${properties} />`;
  const load = first === "new" ? () => import("./agent_new.js") : () => import("./agent.js");
  return html`<${Part} key=${first} load=${load} ...${properties} />`;
}

/** Why an agent is not known to the voice engine, or that it is. */
export function SyncState({ agent }) {
  return html`<${StatusBadge} status=${agent.status} tone=${agent.status === "active" && agent.sync_error ? "busy" : undefined}
    label=${agent.status === "active" && agent.sync_error ? "active, change not taken yet" : undefined} />`;
}

function AgentList({ route, session, api }) {
  const { name = "", status = "" } = route.query;
  const set = (changes) => navigate("/agents", { name, status, ...changes }, { replace: true });
  const page = usePage((place, signal) => api.list("/agents", { name, status, ...place }, { signal }), [name, status]);
  const admin = session.role === "admin";
  const make = admin && html`<a class="button button-main" href=${hrefTo("/agents/new")}><${Icon} name="plus" />New agent</a>`;
  const columns = [
    { key: "name", title: "Name", main: true },
    { key: "status", title: "State", render: (agent) => html`<${SyncState} agent=${agent} />` },
    { key: "in", title: "Answers", wide: true, render: (agent) => numbersOf(agent.inbound_phone_numbers) },
    { key: "out", title: "Calls from", wide: true, render: (agent) => numbersOf(agent.outbound_phone_numbers) },
    { key: "updated_at", title: "Changed", wide: true, render: (agent) => html`<${Time} value=${agent.updated_at} />` },
    { key: "call", title: html`<span class="unseen">Actions</span>`, align: "end", render: (agent) => admin && html`
      <a class="button button-small" href=${hrefTo("/call", { agent: agent.id })} aria-label="Call ${agent.name}"><${Icon} name="headphones" />Call</a>` },
  ];
  const empty = name || status
    ? html`<${Empty} title="No agent fits"><button type="button" class="button" onClick=${() => navigate("/agents")}>Show all</button><//>`
    : html`<${Empty} icon="agent" title="No agents yet"><p>An agent is a voice, a name and what it should do.</p>
        ${admin && html`<p class="row state-row"><a class="button button-main" href=${hrefTo("/start")}>Make the first and call it</a></p>`}<//>`;
  return html`<${PageFrame} title="Agents" actions=${make}>
    <form class="filters" role="search" aria-label="Filter agents" onSubmit=${(event) => event.preventDefault()}>
      <${TextField} label="Name" type="search" value=${name} onInput=${(value) => set({ name: value })} />
      <${SelectField} label="State" value=${status} options=${STATUSES} placeholder="any" onInput=${(value) => set({ status: value })} />
    </form>
    <${DataTable} caption="Agents, newest first" columns=${columns} page=${page} empty=${empty} hrefOf=${(agent) => hrefTo(`/agents/${agent.id}`)} /><//>`;
}

function numbersOf(numbers) {
  const shown = numbers.slice(0, 2).map((number) => number.phone_number).join(", ");
  return numbers.length > 2 ? `${shown} and ${numbers.length - 2} more` : shown;
}
