// Contacts and their folders: search, make, change, delete, and bring in from a CSV file.
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { navigate } from "../router.js";
import { PageFrame } from "../components/page.js";
import { DataTable, usePage } from "../components/table.js";
import { Empty } from "../components/states.js";
import { SelectField, TextField } from "../components/form.js";
import { Confirm } from "../components/dialog.js";
import { Icon } from "../components/icon.js";
import { optionsOf, useAll } from "../components/choices.js";
import { ContactDialog, FolderDialog } from "./contact_dialogs.js";
import { ImportDialog } from "./contact_import.js";

const TYPING_MS = 300;

export default function Contacts({ route, api, session, notify }) {
  const admin = session.role === "admin";
  const { folder_id: folderId = "", search = "" } = route.query;
  const show = (query) => navigate("/contacts", { folder_id: folderId, search, ...query }, { replace: true });
  const folders = useAll(api, "/folders");
  const folder = folders.data?.find((each) => each.id === folderId);
  const page = usePage((place, signal) => api.list("/contacts", { folder_id: folderId, search, ...place }, { signal }), [folderId, search]);
  const [open, setOpen] = useState(null); // { kind, item? }
  const close = () => setOpen(null);
  const changed = () => { page.reload(); folders.reload(); };
  const columns = [
    { key: "phone_number", title: "Number", main: true, render: (contact) => (admin
      ? html`<button type="button" class="link-button" onClick=${() => setOpen({ kind: "contact", item: contact })}>${contact.phone_number}</button>` : contact.phone_number) },
    { key: "name", title: "Name", render: (contact) => [contact.first_name, contact.last_name].filter(Boolean).join(" ") },
    { key: "company_name", title: "Company", wide: true },
    { key: "email", title: "E-mail", wide: true, render: (contact) => contact.email && html`<span class="break">${contact.email}</span>` },
    { key: "folder", title: "Folder", wide: true, render: (contact) => folders.data?.find((each) => each.id === contact.folder_id)?.name },
    { key: "act", title: html`<span class="unseen">Actions</span>`, align: "end", render: (contact) => admin && html`
      <button type="button" class="button button-icon" aria-label="Delete ${contact.phone_number}" onClick=${() => setOpen({ kind: "delete", item: contact })}><${Icon} name="trash" /></button>` },
  ];
  const importing = html`<button type="button" class="button" onClick=${() => setOpen({ kind: "import" })}><${Icon} name="upload" />Import CSV</button>`;
  const empty = search || folderId
    ? html`<${Empty} icon="people" title=${search ? "Nobody fits" : "This folder is empty"}>${search && html`<button type="button" class="button" onClick=${() => show({ search: "" })}>Clear the search</button>`}<//>`
    : html`<${Empty} icon="people" title="No contacts yet">Make one, or bring in a list from a CSV file.<//>`;
  return html`<${PageFrame} title="Contacts" actions=${admin && html`
    <button type="button" class="button button-main" onClick=${() => setOpen({ kind: "contact" })}><${Icon} name="plus" />New contact</button>${importing}
    <button type="button" class="button" onClick=${() => setOpen({ kind: "folder" })}><${Icon} name="plus" />New folder</button>`}>
    <form class="filters" role="search" aria-label="Search contacts" onSubmit=${(event) => event.preventDefault()}>
      <${Search} value=${search} onSearch=${(text) => show({ search: text })} />
      <${SelectField} label="Folder" placeholder="all" value=${folderId} onInput=${(id) => show({ folder_id: id })}
        options=${optionsOf(folders.data, (each) => `${each.name} (${each.contact_count.toLocaleString()})`)} />
      ${admin && folder && html`<div class="row"><button type="button" class="button" onClick=${() => setOpen({ kind: "folder", item: folder })}>Rename the folder</button>
        <button type="button" class="button" onClick=${() => setOpen({ kind: "delete folder", item: folder })}>Delete the folder</button></div>`}</form>
    <${DataTable} caption="Contacts, newest first" columns=${columns} page=${page} empty=${empty} />
    ${open?.kind === "contact" && html`<${ContactDialog} api=${api} contact=${open.item} folders=${folders.data ?? []} folderId=${folderId} onClose=${close}
      onDone=${() => { close(); notify(open.item ? "Saved." : "The contact was made."); changed(); }} />`}
    ${open?.kind === "folder" && html`<${FolderDialog} api=${api} folder=${open.item} onClose=${close}
      onDone=${(made) => { close(); notify(open.item ? "Renamed." : `${made.name} was made.`); changed(); show({ folder_id: made.id, search: "" }); }} />`}
    ${open?.kind === "import" && html`<${ImportDialog} api=${api} folders=${folders.data ?? []} folderId=${folderId} onClose=${close} onImported=${changed} />`}
    ${open?.kind === "delete" && html`<${Confirm} title="Delete ${open.item.phone_number}?" onClose=${close}
      onConfirm=${async () => { await api.del(`/contacts/${open.item.id}`); notify("Deleted."); changed(); }}><p>This cannot be undone.</p><//>`}
    ${open?.kind === "delete folder" && html`<${Confirm} title="Delete ${open.item.name}?" onClose=${close}
      onConfirm=${async () => { await api.del(`/folders/${open.item.id}`); notify("The folder was deleted."); show({ folder_id: "" }); folders.reload(); }}>
      <p>Its ${open.item.contact_count.toLocaleString()} contacts are deleted with it. Campaigns keep their copies. This cannot be undone.</p><//>`}<//>`;
}

/** A search that waits until its reader has paused. */
function Search({ value, onSearch }) {
  const [text, setText] = useState(value);
  const told = useRef(value);
  useEffect(() => {
    if (value !== told.current) setText(value);
    told.current = value;
  }, [value]);
  useEffect(() => {
    if (text === told.current) return undefined;
    const timer = setTimeout(() => { told.current = text; onSearch(text); }, TYPING_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return html`<${TextField} label="Search" type="search" placeholder="name, company, number" value=${text} onInput=${setText} />`;
}
