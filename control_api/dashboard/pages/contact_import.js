// Bringing in contacts from a CSV file, and the report of what became of its rows.
import { html, useState } from "../vendor/preact-htm.js";
import { Figure } from "../components/page.js";
import { Form, SelectField, TextField, useForm } from "../components/form.js";
import { Dialog } from "../components/dialog.js";
import { FileField, invalid } from "../components/fields.js";
import { optionsOf } from "../components/choices.js";

const DUPLICATES = [{ value: "update", label: "are updated" }, { value: "skip", label: "are left alone" }];

export function ImportDialog({ api, folders, folderId, onClose, onImported }) {
  const [report, setReport] = useState(null);
  const form = useForm({ file: null, folder_id: folderId, default_country: "", on_duplicate: "update" }, async (values) => {
    if (!values.file) throw invalid("file", "choose a file");
    const body = new Blob([values.file], { type: "text/csv" });
    const query = { folder_id: values.folder_id, default_country: values.default_country.toUpperCase(), on_duplicate: values.on_duplicate };
    setReport(await api.post("/contacts/import", body, { query }));
    onImported();
  });
  if (report) {
    return html`<${Dialog} title="What became of it" wide onClose=${onClose} actions=${html`<button type="button" class="button button-main" onClick=${onClose}>Done</button>`}>
      <${Report} report=${report} /><//>`;
  }
  return html`<${Dialog} title="Import contacts" onClose=${onClose}><${Form} form=${form} label=${form.busy ? "Reading …" : "Import"}>
    <${FileField} label="CSV file" required accept=".csv,.tsv,.txt,text/csv" ...${form.bind("file")}
      hint="The first line holds the headings, such as Phone, First name, Company. Other columns become values for campaigns." />
    <${SelectField} label="Into the folder" placeholder="none" options=${optionsOf(folders)} ...${form.bind("folder_id")} />
    <div class="form-grid"><${TextField} label="Country of numbers without one" maxlength="2" placeholder="US" ...${form.bind("default_country")} />
      <${SelectField} label="Contacts that are there already" options=${DUPLICATES} ...${form.bind("on_duplicate")} /></div><//><//>`;
}

function Report({ report }) {
  return html`<div class="figures">
      <${Figure} label="Rows" value=${report.total.toLocaleString()} /><${Figure} label="New" value=${report.imported.toLocaleString()} />
      <${Figure} label="Updated" value=${report.updated.toLocaleString()} /><${Figure} label="Unchanged" value=${report.skipped.toLocaleString()} />
      <${Figure} label="Wrong" value=${report.failed.toLocaleString()} tone=${report.failed ? "bad" : undefined} /></div>
    ${report.errors.length > 0 && html`<h3>Rows that were left out</h3>
      <div class="table-frame code-box-plain" tabindex="0" role="region" aria-label="Rows that were left out"><table class="table">
        <thead><tr><th scope="col">Line</th><th scope="col">Field</th><th scope="col">What is wrong</th></tr></thead>
        <tbody>${report.errors.map((error) => html`<tr><td>${error.line}</td><td>${error.field}</td><td>${error.message}</td></tr>`)}</tbody></table></div>
      ${report.errors_left_out > 0 && html`<p class="muted small">And ${report.errors_left_out.toLocaleString()} more.</p>`}`}`;
}
