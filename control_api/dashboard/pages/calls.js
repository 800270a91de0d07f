// The list of calls: filters and place in the list stand in the address, so that a view can be sent to somebody.
// `#/calls/ID` is a call's own page.
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { hrefTo, navigate } from "../router.js";
import { PageFrame } from "../components/page.js";
import { DataTable, PAGE_SIZE, usePage } from "../components/table.js";
import { Empty, Loading, useLoad } from "../components/states.js";
import { StatusBadge } from "../components/badge.js";
import { Time, duration } from "../components/time.js";
import { SelectField, TextField } from "../components/form.js";
import { Icon } from "../components/icon.js";

const STATUSES = ["queued", "ringing", "in-progress", "ended", "failed", "cancelled"].map((value) => ({ value, label: value.replace("-", " ") }));
const DIRECTIONS = [{ value: "inbound", label: "inbound" }, { value: "outbound", label: "outbound" }, { value: "webrtc", label: "browser" }];
const FILTERS = ["status", "direction", "agent_id", "phone_number", "outcome", "created_after", "created_before"];
const TYPING_MS = 350;
const AGENTS_SHOWN = 100;

export default function Calls(properties) {
  const { route } = properties;
  if (!route.rest.length) return html`<${CallList} ...${properties} />`;
  return html`<${CallPage} key=${route.rest[0]} ...${properties} />`;
}

/** The call's own page is a module of its own: whoever looks at the list does not wait for it. */
function CallPage(properties) {
  const module = useLoad(() => import("./call.js"));
  return module.data ? html`<${module.data.default} ...${properties} />` : html`<${Loading} lines=${8} />`;
}

function CallList({ route, api }) {
  const filters = Object.fromEntries(FILTERS.map((name) => [name, route.query[name] ?? ""]));
  const offset = Math.max(0, Math.trunc(Number(route.query.offset)) || 0);
  const show = (query, options) => navigate("/calls", query, options);
  const set = (name, value) => show({ ...filters, [name]: value }, { replace: true });
  const agents = useLoad((signal) => api.list("/agents", { limit: AGENTS_SHOWN }, { signal }));
  const agentName = (id) => agents.data?.items.find((agent) => agent.id === id)?.name;
  const page = usePage(
    (place, signal) => api.list("/calls", { ...filters, ...place }, { signal }),
    [JSON.stringify(filters)],
    { limit: PAGE_SIZE, offset, onOffset: (to) => show({ ...filters, offset: to || "" }) },
  );
  const filtered = FILTERS.some((name) => filters[name]);
  const columns = [
    { key: "phone_number", title: "With", main: true, render: (call) => call.phone_number ?? (call.direction === "webrtc" ? "browser" : "unknown") },
    { key: "status", title: "State", render: (call) => html`<${StatusBadge} status=${call.status} />` },
    { key: "direction", title: "Direction", wide: true, render: (call) => (call.direction === "webrtc" ? "browser" : call.direction) },
    { key: "agent_id", title: "Agent", wide: true, render: (call) => agentName(call.agent_id) ?? call.agent_id.slice(0, 8) },
    { key: "duration_seconds", title: "Length", align: "end", wide: true, render: (call) => duration(call.duration_seconds) },
    { key: "outcome", title: "Came of it", wide: true, render: (call) => (call.failure_reason ?? call.outcome ?? call.end_reason ?? "").replaceAll(/[-_]/g, " ") },
    { key: "created_at", title: "When", wide: true, render: (call) => html`<${Time} value=${call.created_at} />` },
  ];
  const empty = filtered
    ? html`<${Empty} title="No call fits these filters"><button type="button" class="button" onClick=${() => show({})}>Clear the filters</button><//>`
    : html`<${Empty} icon="phone" title="No calls yet">Dial one of your numbers, or let an agent call somebody; the call appears here at once.<//>`;
  return html`<${PageFrame} title="Calls" actions=${html`
    <button type="button" class="button" onClick=${page.reload}><${Icon} name="refresh" />Refresh</button>
    ${["csv", "jsonl"].map((format) => html`<a class="button" href=${api.url("/calls/export", { ...filters, format })} download="calls.${format}">
      <${Icon} name="download" />${format.toUpperCase()}</a>`)}`}>
    <form class="filters" role="search" aria-label="Filter calls" onSubmit=${(event) => event.preventDefault()}>
      <${SelectField} label="State" value=${filters.status} options=${STATUSES} placeholder="any" onInput=${(value) => set("status", value)} />
      <${SelectField} label="Direction" value=${filters.direction} options=${DIRECTIONS} placeholder="any" onInput=${(value) => set("direction", value)} />
      <${SelectField} label="Agent" value=${filters.agent_id} placeholder="any" onInput=${(value) => set("agent_id", value)}
        options=${(agents.data?.items ?? []).map((agent) => ({ value: agent.id, label: agent.name }))} />
      <${Typed} label="Far number" type="tel" placeholder="+15550100" value=${filters.phone_number} error=${page.error?.fields?.phone_number} onTyped=${(value) => set("phone_number", value)} />
      <${Typed} label="Outcome" value=${filters.outcome} onTyped=${(value) => set("outcome", value)} />
      <${TextField} label="From" type="datetime-local" value=${localInput(filters.created_after)} onInput=${(value) => set("created_after", utc(value))} />
      <${TextField} label="Until" type="datetime-local" value=${localInput(filters.created_before)} onInput=${(value) => set("created_before", utc(value))} />
    </form>
    <${DataTable} caption="Calls, newest first" columns=${columns} page=${page} empty=${empty} hrefOf=${(call) => hrefTo(`/calls/${call.id}`)} />
  <//>`;
}

/** A text field that tells when its reader has paused typing. */
function Typed({ value, onTyped, ...rest }) {
  const [text, setText] = useState(value);
  const told = useRef(value);
  useEffect(() => {
    if (value !== told.current) setText(value);
    told.current = value;
  }, [value]);
  useEffect(() => {
    if (text === told.current) return undefined;
    const timer = setTimeout(() => {
      told.current = text;
      onTyped(text.trim());
    }, TYPING_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return html`<${TextField} ...${rest} value=${text} onInput=${setText} />`;
}

/** A field's time, which is the reader's own, as the API's UTC, and back. */
function utc(local) {
  return local ? new Date(local).toISOString() : "";
}

function localInput(iso) {
  const at = Date.parse(iso);
  if (Number.isNaN(at)) return "";
  const shifted = new Date(at - new Date(at).getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 16);
}
