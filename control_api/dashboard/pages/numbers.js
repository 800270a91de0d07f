// Telephone numbers: the list, who has which, an import (`#/numbers/import`) and one number (`#/numbers/ID`).
import { html, useState } from "../vendor/preact-htm.js";
import { hrefTo } from "../router.js";
import { Card, PageFrame } from "../components/page.js";
import { DataTable, usePage } from "../components/table.js";
import { Empty } from "../components/states.js";
import { Part } from "../components/part.js";
import { Icon } from "../components/icon.js";
import { useAction, useAll } from "../components/choices.js";

const PARTS = { import: () => import("./number_import.js"), buy: () => import("./number_buy.js") };

export default function Numbers(properties) {
  const [first] = properties.route.rest;
  if (!first) return html`<${NumberList} ...${properties} />`;
  return html`<${Part} key=${first} load=${PARTS[first] ?? (() => import("./number.js"))} ...${properties} />`;
}

function NumberList({ session, api, notify }) {
  const admin = session.role === "admin";
  const agents = useAll(api, "/agents");
  const trunks = useAll(api, "/trunks");
  const page = usePage((place, signal) => api.list("/telephony/numbers", place, { signal }));
  const [act, busy] = useAction(notify);
  const nameOf = (id) => (id ? agents.data?.find((agent) => agent.id === id)?.name ?? "an agent" : null);
  const give = (number, agentId) => act(async () => {
    if (agentId) await api.post("/telephony/numbers/assign", { number_id: number.id, agent_id: agentId });
    else await api.post("/telephony/numbers/unassign", { number_id: number.id });
    await page.reload();
  }, agentId ? `${number.phone_number} belongs to ${nameOf(agentId)} now.` : `${number.phone_number} belongs to nobody now.`);
  const columns = [
    { key: "phone_number", title: "Number", main: true },
    { key: "friendly_name", title: "Name", wide: true },
    { key: "agent", title: "Agent", render: (number) => (admin
      ? html`<${AgentChoice} number=${number} agents=${agents.data ?? []} busy=${busy} onGive=${(id) => give(number, id)} />`
      : nameOf(number.inbound_agent_id ?? number.outbound_agent_id)) },
    { key: "use", title: "Used", wide: true, render: usesOf },
    { key: "trunk_id", title: "Trunk", wide: true, render: (number) => number.trunk_id && (trunks.data?.find((trunk) => trunk.id === number.trunk_id)?.name ?? "a trunk") },
    { key: "country", title: "Country", wide: true },
  ];
  const empty = html`<${Empty} icon="hash" title="No numbers yet">
    <p>Bring in one that you have at a carrier or a PBX, or buy one from this gateway's stock.</p>
    ${admin && html`<p class="row state-row"><a class="button button-main" href=${hrefTo("/numbers/import")}>Import a number</a>
      <a class="button" href=${hrefTo("/numbers/buy")}>Buy one</a></p>`}<//>`;
  return html`<${PageFrame} title="Numbers" actions=${admin && html`
    <a class="button button-main" href=${hrefTo("/numbers/import")}><${Icon} name="plus" />Import</a>
    <a class="button" href=${hrefTo("/numbers/buy")}>Buy</a>`}>
    <${DataTable} caption="Numbers, newest first" columns=${columns} page=${page} empty=${empty} hrefOf=${(number) => hrefTo(`/numbers/${number.id}`)} />
    ${admin && page.data?.items.length > 0 && agents.data?.length > 0 && html`<${Board} numbers=${page.data.items} agents=${agents.data} onGive=${give} />`}<//>`;
}

function AgentChoice({ number, agents, busy, onGive }) {
  const owner = number.inbound_agent_id ?? number.outbound_agent_id ?? "";
  return html`<select class="input cell-select" aria-label="Agent of ${number.phone_number}" value=${owner} disabled=${busy}
    onChange=${(event) => onGive(event.target.value)}>
    <option value="" selected=${owner === ""}>nobody</option>
    ${owner && !agents.some((agent) => agent.id === owner) && html`<option value=${owner} selected>an agent</option>`}
    ${agents.map((agent) => html`<option value=${agent.id} selected=${agent.id === owner}>${agent.name}</option>`)}</select>`;
}

/** What the agent does with the number, in words. */
export function usesOf(number) {
  return [number.inbound_agent_id && "answers", number.outbound_agent_id && "calls from it"].filter(Boolean).join(", ");
}

/** Numbers to be dragged to agents. Whoever does not drag chooses in the list above. */
function Board({ numbers, agents, onGive }) {
  const places = [{ id: "", name: "Nobody" }, ...agents];
  const drop = (id, agentId) => {
    const number = numbers.find((each) => each.id === id);
    if (number && (number.inbound_agent_id ?? number.outbound_agent_id ?? "") !== agentId) onGive(number, agentId);
  };
  return html`<div class="wide-only"><${Card} title="Drag a number to its agent"><div class="board">${places.map((place) => html`
    <${Place} key=${place.id} place=${place} onDrop=${(id) => drop(id, place.id)}
      numbers=${numbers.filter((number) => (number.inbound_agent_id ?? number.outbound_agent_id ?? "") === place.id)} />`)}</div><//></div>`;
}

function Place({ place, numbers, onDrop }) {
  const [over, setOver] = useState(false);
  const drag = (event) => { event.preventDefault(); setOver(true); };
  const dropped = (event) => {
    event.preventDefault();
    setOver(false);
    onDrop(event.dataTransfer.getData("text/plain"));
  };
  return html`<div class="board-place ${over ? "board-place-over" : ""} ${place.id ? "" : "board-free"}" data-agent=${place.name}
    onDragOver=${drag} onDragLeave=${() => setOver(false)} onDrop=${dropped}>
    <h3>${place.name}</h3><div class="chips">${numbers.map((number) => html`<a class="chip" key=${number.id} href=${hrefTo(`/numbers/${number.id}`)} draggable="true"
      onDragStart=${(event) => event.dataTransfer.setData("text/plain", number.id)}>${number.phone_number}</a>`)}</div></div>`;
}
