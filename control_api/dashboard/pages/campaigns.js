// Campaigns: the list with their progress, a new one (`#/campaigns/new`), and one (`#/campaigns/ID`).
import { html, useEffect } from "../vendor/preact-htm.js";
import { hrefTo, navigate } from "../router.js";
import { PageFrame } from "../components/page.js";
import { DataTable, usePage } from "../components/table.js";
import { Empty } from "../components/states.js";
import { Part } from "../components/part.js";
import { StatusBadge } from "../components/badge.js";
import { SelectField } from "../components/form.js";
import { Time } from "../components/time.js";
import { Icon } from "../components/icon.js";

const STATUSES = ["draft", "scheduled", "active", "paused", "completed", "failed", "cancelled"];
const LOOK_AGAIN_MS = 4_000;

export default function Campaigns(properties) {
  const [first] = properties.route.rest;
  if (!first) return html`<${CampaignList} ...${properties} />`;
  const load = first === "new" ? () => import("./campaign_new.js") : () => import("./campaign.js");
  return html`<${Part} key=${first} load=${load} ...${properties} />`;
}

/** How many contacts are done with, as a bar with words. */
export function Progress({ campaign }) {
  const { total, completed, failed, cancelled } = campaign.statistics;
  const done = completed + failed + cancelled;
  return html`<span class="progress-cell"><progress class="progress" max=${Math.max(total, 1)} value=${done} aria-label="Progress of ${campaign.name}"></progress>
    <span class="muted small">${done.toLocaleString()} of ${total.toLocaleString()}</span></span>`;
}

function CampaignList({ route, api, session }) {
  const { status = "" } = route.query;
  const admin = session.role === "admin";
  const page = usePage((place, signal) => api.list("/batch-calls", { status, ...place }, { signal }), [status]);
  const running = page.data?.items.some((campaign) => campaign.status === "active");
  useEffect(() => {
    if (!running) return undefined;
    const timer = setTimeout(page.reload, LOOK_AGAIN_MS);
    return () => clearTimeout(timer);
  }, [page.data]);
  const columns = [
    { key: "name", title: "Name", main: true },
    { key: "status", title: "State", render: (campaign) => html`<${StatusBadge} status=${campaign.status} />` },
    { key: "progress", title: "Called", render: (campaign) => html`<${Progress} campaign=${campaign} />` },
    { key: "completed", title: "Answered", align: "end", wide: true, render: (campaign) => campaign.statistics.completed.toLocaleString() },
    { key: "created_at", title: "Made", wide: true, render: (campaign) => html`<${Time} value=${campaign.created_at} />` },
  ];
  const empty = status
    ? html`<${Empty} icon="people" title="No campaign is ${status}"><button type="button" class="button" onClick=${() => navigate("/campaigns")}>Show all</button><//>`
    : html`<${Empty} icon="people" title="No campaigns yet">A campaign calls many contacts with one agent, on a schedule and within limits.<//>`;
  return html`<${PageFrame} title="Campaigns" actions=${admin && html`<a class="button button-main" href=${hrefTo("/campaigns/new")}><${Icon} name="plus" />New campaign</a>`}>
    <form class="filters" role="search" aria-label="Filter campaigns" onSubmit=${(event) => event.preventDefault()}>
      <${SelectField} label="State" placeholder="any" options=${STATUSES} value=${status} onInput=${(value) => navigate("/campaigns", { status: value }, { replace: true })} /></form>
    <${DataTable} caption="Campaigns, newest first" columns=${columns} page=${page} empty=${empty} hrefOf=${(campaign) => hrefTo(`/campaigns/${campaign.id}`)} /><//>`;
}
