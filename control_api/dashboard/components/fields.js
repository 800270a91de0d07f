// Fields for what one line of text does not hold: lengths of time, lists, choices of several, JSON, folded parts.
import { html, useId } from "../vendor/preact-htm.js";
import { Field, TextArea, TextField } from "./form.js";

/** An error of a form that the page itself found, at a field, in the shape of an `ApiError`. */
export function invalid(field, message) {
  return Object.assign(new Error(message), { fields: { [field]: message } });
}

/** A length of time in seconds; its value is the API's text ("30s"), empty for none. */
export function SecondsField({ value, onInput, ...rest }) {
  const shown = value === null || value === undefined ? "" : String(value).replace(/s$/, "");
  return html`<${TextField} ...${rest} type="number" min="0" step="any" value=${shown}
    onInput=${(text) => onInput(text === "" ? "" : `${text}s`)} />`;
}

/** A number; its value is a number, or empty for none. */
export function NumberField({ value, onInput, ...rest }) {
  return html`<${TextField} ...${rest} type="number" value=${value ?? ""}
    onInput=${(text) => onInput(text === "" ? "" : Number(text))} />`;
}

/** A list of texts, one a line; its value is the text. `linesOf` makes the list. */
export function LinesField(properties) {
  return html`<${TextArea} spellcheck=${false} ...${properties} />`;
}

/** The lines of a text that are not blank; commas part them too. */
export function linesOf(text) {
  return String(text ?? "").split(/[\n,]/).map((line) => line.trim()).filter(Boolean);
}

/** The object that a text of JSON holds, null for none. Throws an error of the field. */
export function jsonOf(text, field) {
  if (!text?.trim()) return null;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid(field, `is not JSON: ${error.message}`);
  }
}

/** Several of some options [{ value, label, note? }]; its value is the list of the chosen values. `inline`: beside one another. */
export function ChoicesField({ label, hint, error, value = [], onInput, options, empty, inline = false }) {
  const id = useId();
  const toggle = (one, on) => onInput(on ? [...value, one] : value.filter((other) => other !== one));
  return html`<fieldset class="choices ${inline ? "choices-row" : ""}" aria-describedby=${[hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ") || undefined}>
    <legend>${label}</legend>
    ${options.length === 0 && empty && html`<p class="muted small">${empty}</p>`}
    ${options.map((option) => html`<label key=${option.value} class="choice"><input type="checkbox" checked=${value.includes(option.value)}
      onChange=${(event) => toggle(option.value, event.target.checked)} />
      <span>${option.label}${option.note && html` <span class="muted small">${option.note}</span>`}</span></label>`)}
    ${hint && html`<p class="hint" id="${id}-hint">${hint}</p>`}
    ${error && html`<p class="field-error" id="${id}-error">${error}</p>`}</fieldset>`;
}

/** A file; its value is a `File`, or null. */
export function FileField({ label, hint, error, required, accept, onInput }) {
  return html`<${Field} ...${{ label, hint, error, required }}>${(attributes) => html`<input class="input" type="file" ...${attributes}
    accept=${accept} onChange=${(event) => onInput(event.target.files[0] ?? null)} />`}<//>`;
}

/** A part of a form that few need. It opens by itself when one of its `fields` has an error. */
export function Folded({ title, note, errors = {}, fields = [], open = false, children }) {
  const wrong = Object.keys(errors).some((key) => fields.some((field) => key === field || key.startsWith(`${field}.`)));
  return html`<details class="folded" open=${open || wrong}>
    <summary><span class="folded-title">${title}</span>${note && html`<span class="muted small"> ${note}</span>`}</summary>
    <div class="form folded-body">${children}</div></details>`;
}
