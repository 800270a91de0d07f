// Tools: HTTP requests that agents can make in mid-call.
import { html, useState } from "../vendor/preact-htm.js";
import { PageFrame } from "../components/page.js";
import { DataTable, usePage } from "../components/table.js";
import { Empty } from "../components/states.js";
import { CheckField, Form, SelectField, TextArea, TextField, useForm } from "../components/form.js";
import { Confirm, Dialog } from "../components/dialog.js";
import { Time } from "../components/time.js";
import { Icon } from "../components/icon.js";
import { SecondsField, invalid } from "../components/fields.js";

const KINDS = [{ value: "http", label: "the voice engine, from its own network" }, { value: "client", label: "this gateway" }];
const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"];
const LOCATIONS = ["body", "query", "path", "header"];

export default function Tools({ api, session, notify }) {
  const admin = session.role === "admin";
  const [open, setOpen] = useState(null);
  const page = usePage((place, signal) => api.list("/tools", place, { signal }));
  const columns = [
    { key: "name", title: "Name", main: true, render: (tool) => (admin ? html`<button type="button" class="link-button" onClick=${() => setOpen({ kind: "edit", tool })}>${tool.name}</button>` : tool.name) },
    { key: "request", title: "Request", wide: true, render: (tool) => html`<code class="break">${requestOf(tool).method} ${requestOf(tool).url}</code>` },
    { key: "type", title: "Made by", wide: true, render: (tool) => (tool.type === "http" ? "the engine" : "this gateway") },
    { key: "updated_at", title: "Changed", wide: true, render: (tool) => html`<${Time} value=${tool.updated_at} />` },
    { key: "act", title: html`<span class="unseen">Actions</span>`, align: "end", render: (tool) => admin && html`
      <button type="button" class="button button-icon" aria-label="Delete ${tool.name}" onClick=${() => setOpen({ kind: "delete", tool })}><${Icon} name="trash" /></button>` },
  ];
  return html`<${PageFrame} title="Tools" lead="Requests that agents can make in mid-call."
    actions=${admin && html`<button type="button" class="button button-main" onClick=${() => setOpen({ kind: "new" })}><${Icon} name="plus" />New tool</button>`}>
    <${DataTable} caption="Tools, newest first" columns=${columns} page=${page} empty=${html`<${Empty} icon="activity" title="No tools yet">With a tool an agent looks up an order or books an appointment while it talks.<//>`} />
    ${(open?.kind === "new" || open?.kind === "edit") && html`<${ToolDialog} api=${api} tool=${open.tool} onClose=${() => setOpen(null)}
      onDone=${(tool) => { setOpen(null); notify(open.tool ? "Saved. It counts from the next call on." : `${tool.name} was made.`); page.reload(); }} />`}
    ${open?.kind === "delete" && html`<${Confirm} title="Delete ${open.tool.name}?" onClose=${() => setOpen(null)}
      onConfirm=${async () => { await api.del(`/tools/${open.tool.id}`); notify("Deleted."); page.reload(); }}><p>This cannot be undone.</p><//>`}<//>`;
}

function requestOf(tool) {
  return tool.http ?? tool.client;
}

function ToolDialog({ api, tool, onClose, onDone }) {
  const request = tool ? requestOf(tool) : { url: "", method: "GET" };
  const form = useForm({
    name: tool?.name ?? "", modelToolName: tool?.modelToolName ?? "", type: tool?.type ?? "http", description: tool?.description ?? "", timeout: tool?.timeout ?? "",
    url: request.url, method: request.method,
    dynamicParameters: (tool?.dynamicParameters ?? []).map((each) => ({ ...each, schema: JSON.stringify(each.schema) })),
    staticParameters: (tool?.staticParameters ?? []).map((each) => ({ ...each, value: typeof each.value === "string" ? each.value : JSON.stringify(each.value) })),
  }, async (values) => onDone(tool ? await api.put(`/tools/${tool.id}`, bodyOf(values, tool)) : await api.post("/tools", bodyOf(values))));
  const { errors, values } = form;
  return html`<${Dialog} title=${tool ? "Tool" : "New tool"} wide onClose=${onClose}><${Form} form=${form} label=${tool ? "Save" : "Make the tool"}>
    <div class="form-grid"><${TextField} label="Name for the model" required placeholder="look_up_order" ...${form.bind("modelToolName")} />
      <${TextField} label="Name for you" ...${form.bind("name")} hint="Empty: the same." /></div>
    <${TextArea} label="What it is good for" required rows=${3} ...${form.bind("description")} hint="The model decides by this when to use it." />
    <div class="form-grid"><${SelectField} label="The request is made by" options=${KINDS} ...${form.bind("type")} />
      <${SelectField} label="Method" options=${METHODS} ...${form.bind("method")} error=${errors[`${values.type}.method`]} />
      <${SecondsField} label="Wait, in seconds" ...${form.bind("timeout")} /></div>
    <${TextField} label="Address" required placeholder="https://tools.example.com/orders/{order}" ...${form.bind("url")} error=${errors[`${values.type}.url`]} />
    <${Parameters} form=${form} name="dynamicParameters" title="Values that the model chooses" fresh=${{ name: "", location: "query", schema: '{"type": "string"}', required: true }} />
    <${Parameters} form=${form} name="staticParameters" title="Values that are always the same" fresh=${{ name: "", location: "header", value: "" }} /><//><//>`;
}

function Parameters({ form, name, title, fresh }) {
  const list = form.values[name];
  const put = (changed) => form.set(name, changed);
  const change = (at, field) => (value) => put(list.map((each, index) => (index === at ? { ...each, [field]: value } : each)));
  const wrong = (at, field) => form.errors[`${name}.${at}.${field}`];
  return html`<h3>${title}</h3>${list.map((each, at) => html`<div class="line" key=${at}>
      <${TextField} label="Name" value=${each.name} error=${wrong(at, "name")} onInput=${change(at, "name")} />
      <${SelectField} label="In the" options=${LOCATIONS} value=${each.location} onInput=${change(at, "location")} />
      ${"schema" in each ? html`<${TextField} label="JSON Schema" value=${each.schema} error=${wrong(at, "schema")} spellcheck=${false} onInput=${change(at, "schema")} />
        <${CheckField} label="Needed" value=${each.required} onInput=${change(at, "required")} />`
        : html`<${TextField} label="Value" value=${each.value} error=${wrong(at, "value")} onInput=${change(at, "value")} />`}
      <button type="button" class="button button-small" aria-label="Remove ${each.name || "the value"}" onClick=${() => put(list.filter((_, index) => index !== at))}><${Icon} name="trash" />Remove</button></div>`)}
    <p><button type="button" class="button button-small" onClick=${() => put([...list, fresh])}><${Icon} name="plus" />Add a value</button></p>`;
}

function bodyOf(values, tool) {
  const before = new Map((tool?.staticParameters ?? []).map((each) => [each.name, each.value]));
  return {
    modelToolName: values.modelToolName, type: values.type, description: values.description,
    ...(values.name ? { name: values.name } : {}), ...(values.timeout ? { timeout: values.timeout } : {}),
    [values.type]: { url: values.url, method: values.method },
    dynamicParameters: values.dynamicParameters.map((each, at) => ({ ...each, schema: schemaOf(each.schema, `dynamicParameters.${at}.schema`) })),
    // A value that was no text, and was not touched, stays what it was.
    staticParameters: values.staticParameters.map((each) => ({ ...each, value: JSON.stringify(before.get(each.name)) === each.value ? before.get(each.name) : each.value })),
  };
}

function schemaOf(text, field) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid(field, `is not JSON: ${error.message}`);
  }
}
