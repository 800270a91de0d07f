// Widgets: who may call which agent from which web pages, and the lines to put into a page.
import { html, useState } from "../vendor/preact-htm.js";
import { Card, PageFrame } from "../components/page.js";
import { DataTable, usePage } from "../components/table.js";
import { Empty, Loaded, useLoad } from "../components/states.js";
import { CheckField, Form, SelectField, TextField, useForm } from "../components/form.js";
import { Confirm, Dialog } from "../components/dialog.js";
import { StatusBadge } from "../components/badge.js";
import { Icon } from "../components/icon.js";
import { Folded, LinesField, NumberField, jsonOf, linesOf } from "../components/fields.js";
import { CopyText } from "../components/secret.js";
import { optionsOf, useAll } from "../components/choices.js";

export default function Widgets({ api, session, notify }) {
  const admin = session.role === "admin";
  const [open, setOpen] = useState(null); // { kind, widget? }
  const agents = useAll(api, "/agents");
  const page = usePage((place, signal) => api.list("/widgets", place, { signal }));
  const nameOf = (id) => agents.data?.find((agent) => agent.id === id)?.name ?? (id ? "an agent" : null);
  const columns = [
    { key: "name", title: "Name", main: true, render: (widget) => html`<button type="button" class="link-button" onClick=${() => setOpen({ kind: "embed", widget })}>${widget.name}</button>` },
    { key: "agent", title: "Agent", render: (widget) => nameOf(widget.agent_id) },
    { key: "enabled", title: "State", wide: true, render: (widget) => html`<${StatusBadge} status=${widget.enabled ? "active" : "off"} label=${widget.enabled ? "on" : "off"} />` },
    { key: "origins", title: "Pages", wide: true, render: (widget) => widget.allowed_origins.join(", ") || "those of the organisation" },
    { key: "act", title: html`<span class="unseen">Actions</span>`, align: "end", render: (widget) => admin && html`<span class="cell-actions">
      <button type="button" class="button button-icon" aria-label="Change ${widget.name}" onClick=${() => setOpen({ kind: "edit", widget })}><${Icon} name="edit" /></button>
      <button type="button" class="button button-icon" aria-label="Delete ${widget.name}" onClick=${() => setOpen({ kind: "delete", widget })}><${Icon} name="trash" /></button></span>` },
  ];
  return html`<${PageFrame} title="Widgets" lead="A button on your web page that calls an agent."
    actions=${admin && html`<button type="button" class="button button-main" onClick=${() => setOpen({ kind: "new" })}><${Icon} name="plus" />New widget</button>`}>
    <${DataTable} caption="Widgets, newest first" columns=${columns} page=${page} empty=${html`<${Empty} icon="copy" title="No widgets yet">Visitors of your web pages speak with an agent by one click.<//>`} />
    <${Origins} api=${api} admin=${admin} notify=${notify} />
    ${(open?.kind === "new" || open?.kind === "edit") && html`<${WidgetDialog} api=${api} widget=${open.widget} agents=${agents.data ?? []} onClose=${() => setOpen(null)}
      onDone=${(widget) => { page.reload(); setOpen({ kind: "embed", widget }); }} />`}
    ${open?.kind === "embed" && html`<${Dialog} title=${open.widget.name} wide onClose=${() => setOpen(null)}><p>Put these two lines where the button is to stand:</p>
      <${CopyText} text=${snippetOf(open.widget)} /><p class="muted small">The id is no secret: it works on the allowed pages only.</p><//>`}
    ${open?.kind === "delete" && html`<${Confirm} title="Delete ${open.widget.name}?" onClose=${() => setOpen(null)}
      onConfirm=${async () => { await api.del(`/widgets/${open.widget.id}`); notify("Deleted."); page.reload(); }}><p>Pages that hold it can call nobody any more. This cannot be undone.</p><//>`}<//>`;
}

function snippetOf(widget) {
  return `<script type="module" src="${location.origin}/widget.js"></script>\n<trunkline-call widget="${widget.public_id}"></trunkline-call>`;
}

/** Where widgets may stand that name no pages of their own. */
function Origins({ api, admin, notify }) {
  const state = useLoad((signal) => api.get("/webrtc/allowed-origins", {}, { signal }));
  return html`<${Card} title="Pages of the organisation"><${Loaded} state=${state} lines=${2}>${(known) => (admin
    ? html`<${OriginsForm} known=${known} api=${api} notify=${notify} />`
    : html`<p class="break">${known.allowed_origins.join(", ") || "none"}</p>`)}<//><//>`;
}

function OriginsForm({ known, api, notify }) {
  const form = useForm({ allowed_origins: known.allowed_origins.join("\n") }, async (values) => {
    await api.put("/webrtc/allowed-origins", { allowed_origins: linesOf(values.allowed_origins) });
    notify("Saved.");
  });
  return html`<${Form} form=${form}><${LinesField} label="Their origins" rows=${3} placeholder="https://www.example.com" ...${form.bind("allowed_origins")}
    hint="One a line; https://*.example.com stands for all below it. Widgets without pages of their own may stand on these." /><//>`;
}

function WidgetDialog({ api, widget, agents, onClose, onDone }) {
  const form = useForm({
    name: widget?.name ?? "", agent_id: widget?.agent_id ?? agents[0]?.id ?? "", enabled: widget?.enabled ?? true,
    allowed_origins: (widget?.allowed_origins ?? []).join("\n"), max_concurrent_calls: widget?.max_concurrent_calls ?? 10, calls_per_minute: widget?.calls_per_minute ?? 5,
    visitor_variables: (widget?.visitor_variables ?? []).join("\n"), variables: widget && Object.keys(widget.variables).length ? JSON.stringify(widget.variables, null, 2) : "",
  }, async (values) => {
    const body = {
      ...values, allowed_origins: linesOf(values.allowed_origins), visitor_variables: linesOf(values.visitor_variables), variables: jsonOf(values.variables, "variables") ?? {},
    };
    onDone(widget ? await api.patch(`/widgets/${widget.id}`, body) : await api.post("/widgets", body));
  });
  return html`<${Dialog} title=${widget ? "Widget" : "New widget"} onClose=${onClose}><${Form} form=${form} label=${widget ? "Save" : "Make the widget"}>
    <${TextField} label="Name" required ...${form.bind("name")} />
    <${SelectField} label="Agent" required options=${optionsOf(agents)} ...${form.bind("agent_id")} />
    <${LinesField} label="On these pages" rows=${3} placeholder="https://shop.example.com" ...${form.bind("allowed_origins")} hint="One origin a line; empty: those of the organisation." />
    <${Folded} title="Limits and values" errors=${form.errors} fields=${["enabled", "max_concurrent_calls", "calls_per_minute", "variables", "visitor_variables"]}>
      <${CheckField} label="Switched on" ...${form.bind("enabled")} />
      <div class="form-grid"><${NumberField} label="Calls at once" min="1" ...${form.bind("max_concurrent_calls")} />
        <${NumberField} label="Calls a minute from one address" min="1" ...${form.bind("calls_per_minute")} /></div>
      <${LinesField} label="Values that the page may set" rows=${2} placeholder="visitor_name" ...${form.bind("visitor_variables")} hint="Their names, one a line." />
      <${LinesField} label="Values that are always the same, as JSON" rows=${2} ...${form.bind("variables")} /><//><//><//>`;
}
