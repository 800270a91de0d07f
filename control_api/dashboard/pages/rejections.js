// Calls that were refused before they became one: which rule refused, what was looked up, how to put it right.
import { html, useState } from "../vendor/preact-htm.js";
import { hrefTo } from "../router.js";
import { Facts, PageFrame } from "../components/page.js";
import { DataTable, usePage } from "../components/table.js";
import { Empty } from "../components/states.js";
import { Dialog } from "../components/dialog.js";
import { Time } from "../components/time.js";
import { Icon } from "../components/icon.js";

export default function Rejections({ api }) {
  const [shown, setShown] = useState(null);
  const page = usePage((place, signal) => api.list("/rejections", place, { signal }));
  const columns = [
    { key: "rule", title: "Rule", main: true, render: (item) => html`<button type="button" class="link-button" onClick=${() => setShown(item)}>${item.rule.replaceAll("_", " ")}</button>` },
    { key: "called", title: "Called" },
    { key: "caller", title: "By", wide: true },
    { key: "source", title: "From", wide: true, render: (item) => html`<code>${item.source}</code>` },
    { key: "sip_status", title: "Answered", align: "end", wide: true },
    { key: "fix", title: "How to put it right", wide: true },
    { key: "at", title: "When", render: (item) => html`<${Time} value=${item.at} />` },
  ];
  return html`<${PageFrame} title="Refused calls" lead="Calls that were refused before they became one, newest first. The newest 200 are kept."
    actions=${html`<button type="button" class="button" onClick=${page.reload}><${Icon} name="refresh" />Refresh</button>`}>
    <${DataTable} caption="Refused calls, newest first" columns=${columns} page=${page} rowKey=${(item) => `${item.at}${item.sip_call_id}${item.source}`}
      empty=${html`<${Empty} icon="shield" title="No call was refused lately">
        <p>When one does not arrive, ask what would become of it.</p><p class="row state-row"><a class="button" href=${hrefTo("/explain")}>Explain a route</a></p><//>`} />
    ${shown && html`<${Refused} item=${shown} onClose=${() => setShown(null)} />`}<//>`;
}

function Refused({ item, onClose }) {
  const source = item.source.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
  const again = hrefTo("/explain", { to: item.called, from: item.caller, source });
  return html`<${Dialog} title=${item.rule.replaceAll("_", " ")} onClose=${onClose} actions=${item.called && html`<a class="button" href=${again}>Would it be routed now?</a>`}>
    <p>${item.message}</p>${item.fix && html`<p class="notice"><span><strong>To put it right:</strong> ${item.fix}</span></p>`}
    <${Facts} pairs=${[
      ["When", html`<${Time} value=${item.at} exact />`], ["Called", item.called], ["By", item.caller], ["From", html`<code>${item.source}</code>`],
      ["Looked up", item.looked_up && html`<code>${item.looked_up}</code>`], ["Answered", `SIP ${item.sip_status}`],
      ["Call-ID", item.sip_call_id && html`<code class="break">${item.sip_call_id}</code>`], ["Device", item.user_agent],
    ]} /><//>`;
}
