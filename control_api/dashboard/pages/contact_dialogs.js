// The dialogs of a contact and of a folder.
import { html } from "../vendor/preact-htm.js";
import { Form, SelectField, TextArea, TextField, useForm } from "../components/form.js";
import { Dialog } from "../components/dialog.js";
import { Folded, jsonOf, linesOf } from "../components/fields.js";
import { optionsOf } from "../components/choices.js";

const TEXTS = ["first_name", "last_name", "email", "company_name", "industry", "location", "pin_code"];

/** A new contact, or one that is changed. */
export function ContactDialog({ api, contact, folders, folderId, onClose, onDone }) {
  const form = useForm({
    phone_number: contact?.phone_number ?? "", folder_id: contact ? contact.folder_id ?? "" : folderId,
    ...Object.fromEntries(TEXTS.map((name) => [name, contact?.[name] ?? ""])),
    keywords: (contact?.keywords ?? []).join("\n"),
    metadata: contact && Object.keys(contact.metadata).length ? JSON.stringify(contact.metadata, null, 2) : "",
  }, async (values) => {
    const body = {
      phone_number: values.phone_number.replaceAll(/[\s()./-]/g, ""), folder_id: values.folder_id || null,
      ...Object.fromEntries(TEXTS.map((name) => [name, values[name] || null])),
      keywords: linesOf(values.keywords), metadata: jsonOf(values.metadata, "metadata") ?? {},
    };
    onDone(contact ? await api.patch(`/contacts/${contact.id}`, body) : await api.post("/contacts", body));
  });
  const text = (label, name, rest = {}) => html`<${TextField} label=${label} ...${rest} ...${form.bind(name)} />`;
  return html`<${Dialog} title=${contact ? "Contact" : "New contact"} onClose=${onClose}><${Form} form=${form} label=${contact ? "Save" : "Make the contact"}>
    ${text("Number", "phone_number", { type: "tel", required: true, placeholder: "+14155550123" })}
    <div class="form-grid">${text("First name", "first_name")}${text("Last name", "last_name")}</div>
    <${SelectField} label="Folder" placeholder="none" options=${optionsOf(folders)} ...${form.bind("folder_id")} />
    <${Folded} title="More" errors=${form.errors} fields=${["email", "company_name", "industry", "location", "pin_code", "keywords", "metadata"]}>
      <div class="form-grid">${text("E-mail", "email", { type: "email" })}${text("Company", "company_name")}${text("Industry", "industry")}
        ${text("Place", "location")}${text("Postcode", "pin_code")}</div>
      <${TextArea} label="Keywords, one a line" rows=${2} ...${form.bind("keywords")} />
      <${TextArea} label="Other values, as JSON" rows=${3} spellcheck=${false} ...${form.bind("metadata")} hint="Campaigns fill them into an agent's instructions." /><//><//><//>`;
}

/** A new folder, or one that is renamed. */
export function FolderDialog({ api, folder, onClose, onDone }) {
  const form = useForm({ name: folder?.name ?? "", description: folder?.description ?? "" }, async (values) => {
    const body = { name: values.name, description: values.description || null };
    onDone(folder ? await api.patch(`/folders/${folder.id}`, body) : await api.post("/folders", body));
  });
  return html`<${Dialog} title=${folder ? "Folder" : "New folder"} onClose=${onClose}><${Form} form=${form} label=${folder ? "Save" : "Make the folder"}>
    <${TextField} label="Name" required ...${form.bind("name")} /><${TextField} label="Note" ...${form.bind("description")} /><//><//>`;
}
