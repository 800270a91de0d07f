// Knowledge bases: pages and documents that an agent looks things up in.
import { html, useState } from "../vendor/preact-htm.js";
import { PageFrame } from "../components/page.js";
import { DataTable, usePage } from "../components/table.js";
import { Empty, Loaded, useLoad } from "../components/states.js";
import { Form, TextArea, TextField, useForm } from "../components/form.js";
import { Confirm, Dialog } from "../components/dialog.js";
import { StatusBadge } from "../components/badge.js";
import { Time } from "../components/time.js";
import { Icon } from "../components/icon.js";
import { LinesField, linesOf } from "../components/fields.js";

export default function Knowledge({ api, session, notify }) {
  const admin = session.role === "admin";
  const [open, setOpen] = useState(null); // { kind, base? }
  const page = usePage((place, signal) => api.list("/knowledge-bases", place, { signal }));
  const columns = [
    { key: "name", title: "Name", main: true, render: (base) => html`<button type="button" class="link-button" onClick=${() => setOpen({ kind: "show", base })}>${base.name}</button>` },
    { key: "sources", title: "Sources", align: "end", render: (base) => base.sources.length },
    { key: "description", title: "Note", wide: true },
    { key: "created_at", title: "Made", wide: true, render: (base) => html`<${Time} value=${base.created_at} />` },
    { key: "act", title: html`<span class="unseen">Actions</span>`, align: "end", render: (base) => admin && html`
      <button type="button" class="button button-icon" aria-label="Delete ${base.name}" onClick=${() => setOpen({ kind: "delete", base })}><${Icon} name="trash" /></button>` },
  ];
  return html`<${PageFrame} title="Knowledge" lead="What agents can look up: pages of the web and texts of yours."
    actions=${admin && html`<button type="button" class="button button-main" onClick=${() => setOpen({ kind: "new" })}><${Icon} name="plus" />New knowledge base</button>`}>
    <${DataTable} caption="Knowledge bases, newest first" columns=${columns} page=${page} empty=${html`<${Empty} icon="book" title="No knowledge bases yet">Give agents opening hours, prices, or your questions and answers.<//>`} />
    ${open?.kind === "new" && html`<${NewBase} api=${api} onClose=${() => setOpen(null)} onDone=${(base) => { setOpen(null); notify(`${base.name} was made.`); page.reload(); }} />`}
    ${open?.kind === "show" && html`<${BaseDialog} api=${api} base=${open.base} onClose=${() => setOpen(null)} />`}
    ${open?.kind === "delete" && html`<${Confirm} title="Delete ${open.base.name}?" onClose=${() => setOpen(null)}
      onConfirm=${async () => { await api.del(`/knowledge-bases/${open.base.id}`); notify("Deleted."); page.reload(); }}><p>Its documents are deleted at the voice engine too. This cannot be undone.</p><//>`}<//>`;
}

function BaseDialog({ api, base, onClose }) {
  const state = useLoad((signal) => api.get(`/knowledge-bases/${base.id}`, {}, { signal }), [base.id]);
  return html`<${Dialog} title=${base.name} onClose=${onClose}><${Loaded} state=${state} lines=${3}>${(found) => html`
    <p class="row"><${StatusBadge} status=${found.status} /></p>
    <ul class="plain-list">${found.sources.map((source) => html`<li key=${source.id} class="break">${source.url ? html`<a href=${source.url} rel="noreferrer" target="_blank">${source.name}</a>` : source.name}</li>`)}</ul>`}<//><//>`;
}

function NewBase({ api, onClose, onDone }) {
  const form = useForm({ name: "", description: "", urls: "", title: "", text: "" }, async (values) => {
    const pages = linesOf(values.urls).map((url) => ({ url }));
    const documents = values.text.trim() ? [{ text: values.text, ...(values.title ? { name: values.title } : {}) }] : [];
    onDone(await api.post("/knowledge-bases", { name: values.name, description: values.description || null, sources: [...pages, ...documents] }));
  });
  return html`<${Dialog} title="New knowledge base" onClose=${onClose}><${Form} form=${form} label="Make it">
    <${TextField} label="Name" required ...${form.bind("name")} />
    <${LinesField} label="Pages of the web" rows=${3} placeholder="https://example.com/hours" ...${form.bind("urls")} error=${form.errors.urls ?? sourceError(form.errors)} hint="One a line." />
    <${TextArea} label="Text" rows=${5} ...${form.bind("text")} /><${TextField} label="Title of the text" ...${form.bind("title")} />
    <${TextField} label="Note" ...${form.bind("description")} /><//><//>`;
}

function sourceError(errors) {
  return Object.entries(errors).find(([name]) => name.startsWith("sources"))?.[1];
}
