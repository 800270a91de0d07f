// The webhooks that told of a call: where they went and what became of them.
import { html } from "../vendor/preact-htm.js";
import { hrefTo } from "../router.js";
import { Card } from "../components/page.js";
import { StatusBadge } from "../components/badge.js";
import { Loaded, useLoad } from "../components/states.js";
import { Time } from "../components/time.js";

const MOST_ENDPOINTS = 20;

export function Deliveries({ api, call }) {
  const state = useLoad(async (signal) => {
    const endpoints = (await api.list("/webhooks", { limit: MOST_ENDPOINTS }, { signal })).items;
    const found = await Promise.all(endpoints.map(async (endpoint) => {
      const page = await api.list(`/webhooks/${endpoint.id}/deliveries`, { subject_id: call.id, limit: 50 }, { signal });
      return page.items.map((delivery) => ({ ...delivery, endpoint }));
    }));
    return found.flat().sort((one, other) => one.created_at.localeCompare(other.created_at));
  }, [call.id, call.status]);
  return html`<${Card} title="Webhooks sent for it"><${Loaded} state=${state} lines=${2}>${(deliveries) => (deliveries.length === 0
    ? html`<p class="muted">None. <a href=${hrefTo("/webhooks")}>Webhooks</a> are set up on their own page.</p>`
    : html`<ul class="lines">${deliveries.map((delivery) => html`<li key=${delivery.id}>
      <span><strong>${delivery.event}</strong> <span class="muted break">to ${delivery.endpoint.url}</span></span>
      <span class="row"><span class="muted small">${delivery.last_status ? `answered ${delivery.last_status}` : delivery.last_error ?? ""}, ${delivery.attempts} ${delivery.attempts === 1 ? "attempt" : "attempts"}, <${Time} value=${delivery.created_at} /></span>
        <${StatusBadge} status=${delivery.state} /></span></li>`)}</ul>`)}<//><//>`;
}
