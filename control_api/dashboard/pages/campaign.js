// One campaign: how far it is, starting and stopping it, and its contacts.
import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { hrefTo, navigate } from "../router.js";
import { Card, Facts, Figure, PageFrame } from "../components/page.js";
import { DataTable, usePage } from "../components/table.js";
import { Empty, Loaded, useLoad } from "../components/states.js";
import { SelectField } from "../components/form.js";
import { Confirm } from "../components/dialog.js";
import { StatusBadge } from "../components/badge.js";
import { Time } from "../components/time.js";
import { Icon } from "../components/icon.js";
import { useAction } from "../components/choices.js";
import { Progress } from "./campaigns.js";

const BACK = { href: hrefTo("/campaigns"), label: "Campaigns" };
const STATES = ["pending", "dialing", "completed", "failed", "cancelled"];
const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const LOOK_AGAIN_MS = 2_000;
/** What can be done in which state. */
const VERBS = {
  start: { from: ["draft"], label: "Start", icon: "play", done: "It has begun.", main: true },
  pause: { from: ["active", "scheduled"], label: "Pause", icon: "pause", done: "Paused. Calls that were made go on." },
  resume: { from: ["paused"], label: "Resume", icon: "play", done: "It goes on.", main: true },
};

export default function CampaignPage(properties) {
  const { route, api } = properties;
  const [id] = route.rest;
  const state = useLoad((signal) => api.get(`/batch-calls/${id}`, {}, { signal }), [id]);
  const running = state.data?.status === "active" || state.data?.statistics.dialing > 0;
  useEffect(() => {
    if (!running) return undefined;
    const timer = setTimeout(state.reload, LOOK_AGAIN_MS);
    return () => clearTimeout(timer);
  }, [state.data]);
  if (!state.data) return html`<${PageFrame} title="Campaign" back=${BACK}><${Loaded} state=${state} lines=${8} /><//>`;
  return html`<${Campaign} ...${properties} campaign=${state.data} onChanged=${state.reload} />`;
}

function Campaign({ campaign, route, api, session, notify, onChanged }) {
  const admin = session.role === "admin";
  const [asked, setAsked] = useState(null);
  const [act, busy] = useAction(notify);
  const path = `/batch-calls/${campaign.id}`;
  const { statistics, status } = campaign;
  const verbs = Object.entries(VERBS).filter(([, verb]) => verb.from.includes(status));
  const over = ["completed", "cancelled", "failed"].includes(status);
  const actions = admin && html`
    ${verbs.map(([name, verb]) => html`<button type="button" key=${name} class="button ${verb.main ? "button-main" : ""}" disabled=${busy}
      onClick=${() => (name === "start" ? setAsked("start") : act(async () => { await api.post(`${path}/${name}`); await onChanged(); }, verb.done))}><${Icon} name=${verb.icon} />${verb.label}</button>`)}
    ${!over && status !== "draft" && html`<button type="button" class="button" onClick=${() => setAsked("cancel")}><${Icon} name="close" />Cancel it</button>`}
    ${status === "draft" && html`<button type="button" class="button" onClick=${() => setAsked("delete")}><${Icon} name="trash" />Delete</button>`}`;
  return html`<${PageFrame} title=${campaign.name} back=${BACK} actions=${actions} lead=${html`<${StatusBadge} status=${status} />`}>
    ${campaign.status_reason && html`<p class="notice ${status === "paused" || status === "failed" ? "notice-bad" : ""}" role="status">${campaign.status_reason}</p>`}
    <${Card} title="Progress"><${Progress} campaign=${campaign} />
      <div class="figures"><${Figure} label="Waiting" value=${statistics.pending.toLocaleString()} /><${Figure} label="Being called" value=${statistics.dialing.toLocaleString()} />
        <${Figure} label="Answered" value=${statistics.completed.toLocaleString()} tone=${statistics.completed ? "good" : undefined} /><${Figure} label="Not reached" value=${statistics.failed.toLocaleString()} tone=${statistics.failed ? "bad" : undefined} />
        <${Figure} label="Cancelled" value=${statistics.cancelled.toLocaleString()} /><${Figure} label="Calls made" value=${statistics.attempts.toLocaleString()} note=${outcomesOf(statistics.outcomes)} /></div><//>
    <div class="columns"><${Contacts} path=${path} route=${route} api=${api} campaign=${campaign} />
      <${Settings} campaign=${campaign} api=${api} /></div>
    ${asked === "start" && html`<${Confirm} title="Start ${campaign.name}?" confirm="Start" danger=${false} onClose=${() => setAsked(null)}
      onConfirm=${async () => { await api.post(`${path}/start`); notify(VERBS.start.done); onChanged(); }}>
      <p>${campaign.contact_count.toLocaleString()} ${campaign.contact_count === 1 ? "contact is" : "contacts are"} called: ${scheduleOf(campaign.schedule)}.</p><//>`}
    ${asked === "cancel" && html`<${Confirm} title="Cancel ${campaign.name}?" confirm="Cancel it" onClose=${() => setAsked(null)}
      onConfirm=${async () => { await api.post(`${path}/cancel`); notify("Cancelled."); onChanged(); }}>
      <p>Nobody else is called, and calls that ring are taken back. Calls in progress go on. This cannot be undone.</p><//>`}
    ${asked === "delete" && html`<${Confirm} title="Delete ${campaign.name}?" onClose=${() => setAsked(null)}
      onConfirm=${async () => { await api.del(path); notify("Deleted."); navigate("/campaigns"); }}><p>This cannot be undone.</p><//>`}<//>`;
}

function Contacts({ path, route, api, campaign }) {
  const { state = "" } = route.query;
  const page = usePage((place, signal) => api.list(`${path}/contacts`, { state, ...place }, { signal }), [path, state, JSON.stringify(campaign.statistics)]);
  const columns = [
    { key: "phone_number", title: "Number", main: true },
    { key: "state", title: "State", render: (contact) => html`<${StatusBadge} status=${contact.state} tone=${{ dialing: "busy", completed: "good" }[contact.state]} />` },
    { key: "outcome", title: "Came of it", render: (contact) => contact.outcome?.replaceAll(/[-_]/g, " ") },
    { key: "attempts", title: "Tries", align: "end", wide: true },
    { key: "when", title: "When", wide: true, render: (contact) => html`<${Time} value=${contact.last_attempt_at ?? contact.scheduled_at} />` },
    { key: "call", title: html`<span class="unseen">Call</span>`, align: "end", render: (contact) => contact.call_id && html`
      <a class="button button-small" href=${hrefTo(`/calls/${contact.call_id}`)} aria-label="Call with ${contact.phone_number}">Call</a>` },
  ];
  return html`<${Card} title="Contacts">
    <form class="filters" role="search" aria-label="Filter contacts" onSubmit=${(event) => event.preventDefault()}>
      <${SelectField} label="State" placeholder="any" options=${STATES} value=${state} onInput=${(value) => navigate(path.replace("/batch-calls", "/campaigns"), { state: value }, { replace: true })} /></form>
    <${DataTable} caption="Contacts of the campaign" columns=${columns} page=${page} empty=${html`<${Empty} icon="people" title="None" />`} /><//>`;
}

function Settings({ campaign, api }) {
  const agent = useLoad((signal) => api.get(`/agents/${campaign.agent_id}`, {}, { signal }), [campaign.agent_id]);
  const { retries } = campaign;
  return html`<${Card} title="Settings"><${Facts} pairs=${[
    ["Agent", html`<a href=${hrefTo(`/agents/${campaign.agent_id}`)}>${agent.data?.name ?? "its agent"}</a>`],
    ["Calls from", campaign.from_numbers?.join(", ") ?? "all numbers of the agent"],
    ["When", scheduleOf(campaign.schedule)],
    ["Calls a day", campaign.schedule.max_calls_per_day],
    ["Calls at once", String(campaign.max_concurrent_calls)],
    ["Calls a minute", campaign.calls_per_minute],
    ["Tries", retries.max_attempts > 1 ? `${retries.max_attempts}, after ${retries.delay.replace("s", " s")}` : "one"],
    ["Started", campaign.started_at && html`<${Time} value=${campaign.started_at} exact />`],
    ["Ended", campaign.ended_at && html`<${Time} value=${campaign.ended_at} exact />`],
  ]} /><a class="button" href=${hrefTo("/calls", { agent_id: campaign.agent_id })}>Calls of its agent</a><//>`;
}

function scheduleOf({ timezone, working_days: days, start_time: start, end_time: end }) {
  if (days.length === 7 && start === "00:00" && end === "24:00") return "at any time";
  return `${days.length === 7 ? "every day" : days.map((day) => DAYS[day - 1]).join(", ")}, ${start} to ${end} (${timezone})`;
}

function outcomesOf(outcomes) {
  return Object.entries(outcomes).map(([name, count]) => `${count} ${name.replaceAll(/[-_]/g, " ")}`).join(", ");
}
