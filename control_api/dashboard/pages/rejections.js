// Calls that were refused before they became one: which rule refused, what was looked up, how to put it right.
import { html, useState } from "../vendor/preact-htm.js";
import { hrefTo } from "../router.js";
import { Card, Facts, PageFrame } from "../components/page.js";
import { DataTable, usePage } from "../components/table.js";
import { Empty } from "../components/states.js";
import { Dialog } from "../components/dialog.js";
import { Time } from "../components/time.js";
import { Icon } from "../components/icon.js";
import { useAction } from "../components/choices.js";

export default function Rejections({ api, session, notify }) {
  const [shown, setShown] = useState(null);
  const page = usePage((place, signal) => api.list("/rejections", place, { signal }));
  const columns = [
    { key: "rule", title: "Rule", main: true, render: (item) => html`<button type="button" class="link-button" onClick=${() => setShown(item)}>${item.rule.replaceAll("_", " ")}</button>` },
    { key: "called", title: "Called" },
    { key: "caller", title: "By", wide: true },
    { key: "source", title: "From", wide: true, render: (item) => html`<code>${item.source}</code>` },
    { key: "sip_status", title: "Answered", align: "end", wide: true, render: (item) => item.sip_status || "nothing" },
    { key: "fix", title: "How to put it right", wide: true },
    { key: "at", title: "When", render: (item) => html`<${Time} value=${item.at} />` },
  ];
  return html`<${PageFrame} title="Refused calls" lead="Calls that were refused before they became one, newest first. The newest 200 are kept."
    actions=${html`<button type="button" class="button" onClick=${page.reload}><${Icon} name="refresh" />Refresh</button>`}>
    <${DataTable} caption="Refused calls, newest first" columns=${columns} page=${page} rowKey=${(item) => `${item.at}${item.sip_call_id}${item.source}`}
      empty=${html`<${Empty} icon="shield" title="No call was refused lately">
        <p>When one does not arrive, ask what would become of it.</p><p class="row state-row"><a class="button" href=${hrefTo("/explain")}>Explain a route</a></p><//>`} />
    <${Bans} api=${api} admin=${session.role === "admin"} notify=${notify} />
    ${shown && html`<${Refused} item=${shown} onClose=${() => setShown(null)} />`}<//>`;
}

/** Sources that are not listened to for a time. They belong to no organisation. */
function Bans({ api, admin, notify }) {
  const page = usePage((place, signal) => api.list("/bans", place, { signal }));
  const [act, busy] = useAction(notify);
  if (!page.data?.items.length) return null;
  const lift = (ban) => act(async () => { await api.del(`/bans/${encodeURIComponent(ban.source.split("/")[0])}`); await page.reload(); }, `${ban.source} is listened to again.`);
  const columns = [
    { key: "source", title: "Source", main: true, render: (ban) => html`<code>${ban.source}</code>` },
    { key: "reason", title: "Why", render: (ban) => ban.reason.replaceAll("_", " ") },
    { key: "dropped", title: "Dropped", align: "end", wide: true, render: (ban) => ban.dropped.toLocaleString() },
    { key: "until", title: "Until", wide: true, render: (ban) => html`<${Time} value=${ban.until} />` },
    { key: "act", title: html`<span class="unseen">Actions</span>`, align: "end", render: (ban) => admin && html`
      <button type="button" class="button button-small" disabled=${busy} aria-label="Listen to ${ban.source} again" onClick=${() => lift(ban)}>Listen again</button>` },
  ];
  return html`<${Card} title="Not listened to for a time" flush><${DataTable} caption="Sources that are not listened to" columns=${columns} page=${page} rowKey=${(ban) => ban.source} /><//>`;
}

function Refused({ item, onClose }) {
  const source = item.source.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
  const again = hrefTo("/explain", { to: item.called, from: item.caller, source });
  return html`<${Dialog} title=${item.rule.replaceAll("_", " ")} onClose=${onClose} actions=${item.called && html`<a class="button" href=${again}>Would it be routed now?</a>`}>
    <p>${item.message}</p>${item.fix && html`<p class="notice"><span><strong>To put it right:</strong> ${item.fix}</span></p>`}
    <${Facts} pairs=${[
      ["When", html`<${Time} value=${item.at} exact />`], ["Called", item.called], ["By", item.caller], ["From", html`<code>${item.source}</code>`],
      ["Looked up", item.looked_up && html`<code>${item.looked_up}</code>`], ["Answered", item.sip_status ? `SIP ${item.sip_status}` : "nothing"],
      ["Call-ID", item.sip_call_id && html`<code class="break">${item.sip_call_id}</code>`], ["Device", item.user_agent],
    ]} /><//>`;
}
