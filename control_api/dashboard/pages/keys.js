// API keys: made (the secret is shown once), bound to networks, revoked.
import { html, useState } from "../vendor/preact-htm.js";
import { PageFrame } from "../components/page.js";
import { DataTable, usePage } from "../components/table.js";
import { Empty } from "../components/states.js";
import { Form, SelectField, TextField, useForm } from "../components/form.js";
import { Confirm, Dialog } from "../components/dialog.js";
import { StatusBadge } from "../components/badge.js";
import { Time } from "../components/time.js";
import { Icon } from "../components/icon.js";
import { LinesField, linesOf } from "../components/fields.js";
import { SecretOnce } from "../components/secret.js";

const ROLES = [{ value: "admin", label: "read and change everything" }, { value: "read", label: "read everything, change nothing" }];

export default function Keys({ api, session, notify }) {
  const admin = session.role === "admin";
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState(null);
  const [revoking, setRevoking] = useState(null);
  const page = usePage((place, signal) => api.list("/api-keys", place, { signal }));
  const revoke = async () => {
    await api.del(`/api-keys/${revoking.id}`);
    notify(`${revoking.name} was revoked.`);
    page.reload();
  };
  const columns = [
    { key: "name", title: "Name", main: true },
    { key: "prefix", title: "Begins with", wide: true, render: (key) => html`<code>${key.prefix}…</code>` },
    { key: "state", title: "State", render: (key) => html`<${StatusBadge} status=${key.revoked_at ? "revoked" : "active"} tone=${key.revoked_at ? "calm" : "good"} />` },
    { key: "role", title: "May", wide: true, render: (key) => (key.role === "read" ? "read" : "read and change") },
    { key: "from", title: "Good from", wide: true, render: (key) => key.allowed_addresses.join(", ") || "anywhere" },
    { key: "created_at", title: "Made", wide: true, render: (key) => html`<${Time} value=${key.created_at} />` },
    { key: "act", title: html`<span class="unseen">Actions</span>`, align: "end", render: (key) => admin && !key.revoked_at && html`
      <button type="button" class="button button-small" aria-label="Revoke ${key.name}" onClick=${() => setRevoking(key)}>Revoke</button>` },
  ];
  return html`<${PageFrame} title="API keys" lead="For programs that use the API. A secret is kept as a hash only."
    actions=${admin && html`<button type="button" class="button button-main" onClick=${() => setMaking(true)}><${Icon} name="plus" />New key</button>`}>
    <${DataTable} caption="API keys" columns=${columns} page=${page} empty=${html`<${Empty} icon="key" title="No keys yet">A program needs one to use the API.<//>`} />
    ${making && html`<${NewKey} api=${api} onClose=${() => setMaking(false)} onMade=${(key) => { setMaking(false); setMade(key); page.reload(); }} />`}
    ${made && html`<${SecretOnce} title="The key ${made.name}" secret=${made.key} onClose=${() => setMade(null)} />`}
    ${revoking && html`<${Confirm} title="Revoke ${revoking.name}?" confirm="Revoke" onClose=${() => setRevoking(null)} onConfirm=${revoke}>
      <p>Whatever uses it is refused at once. This cannot be undone.</p><//>`}<//>`;
}

function NewKey({ api, onClose, onMade }) {
  const form = useForm({ name: "", role: "admin", allowed_addresses: "" }, async (values) => {
    onMade(await api.post("/api-keys", { name: values.name, role: values.role, allowed_addresses: linesOf(values.allowed_addresses) }));
  });
  return html`<${Dialog} title="New key" onClose=${onClose}><${Form} form=${form} label="Make the key">
    <${TextField} label="Name" required placeholder="What uses it" ...${form.bind("name")} />
    <${SelectField} label="It may" options=${ROLES} ...${form.bind("role")} />
    <${LinesField} label="Good from these addresses and networks alone" rows=${3} placeholder="203.0.113.0/24" ...${form.bind("allowed_addresses")} hint="One a line; empty: from anywhere." /><//><//>`;
}
