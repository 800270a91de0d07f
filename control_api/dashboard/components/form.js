// Form fields with their label, hint and error, and the state of a form that is sent to the API.
import { html, useCallback, useId, useState } from "../vendor/preact-htm.js";

/**
 * The state of a form. `send(values)` gives a promise; what the API refuses becomes errors of the fields.
 * Returns { values, set(name, value), reset(values), bind(name), submit(event), busy, error, errors }:
 * `bind(name)` gives a field its name, value, error and onInput. Names may have dots: "inbound.username".
 */
export function useForm(initial, send) {
  const [values, setValues] = useState(initial);
  const [state, setState] = useState({ busy: false, error: null });
  const errors = state.error?.fields ?? {};
  const set = useCallback((name, value) => setValues((before) => withValue(before, name.split("."), value)), []);
  const submit = async (event) => {
    event?.preventDefault();
    if (state.busy) return;
    setState({ busy: true, error: null });
    try {
      await send(values);
      setState({ busy: false, error: null });
    } catch (error) {
      setState({ busy: false, error });
    }
  };
  return {
    values, set, submit, errors,
    busy: state.busy,
    error: state.error,
    reset: setValues,
    bind: (name) => ({
      name,
      value: name.split(".").reduce((part, key) => part?.[key], values),
      error: errorFor(errors, name),
      onInput: (value) => set(name, value),
    }),
  };
}

/** A form around fields. `form` is what `useForm` gave; `actions` are its buttons, made here when left out. */
export function Form({ form, label = "Save", actions, children }) {
  const shown = form.error && !Object.keys(form.errors).length;
  return html`<form class="form" novalidate onSubmit=${form.submit}>
    ${form.error && html`<p class="notice notice-bad" role="alert">${shown ? form.error.message : "Some of it is not right yet."}</p>`}
    ${children}
    <div class="form-actions">${actions ?? html`<button type="submit" class="button button-main" disabled=${form.busy}>${label}</button>`}</div>
  </form>`;
}

/** A label, a hint and an error around any control: `children(attributes)` makes the control. */
export function Field({ label, hint, error, required, children }) {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ") || undefined;
  return html`<div class="field ${error ? "field-bad" : ""}">
    <label for=${id}>${label}${required && html`<span class="required" title="required"> *</span>`}</label>
    ${children({ id, "aria-describedby": described, "aria-invalid": error ? "true" : undefined, required })}
    ${hint && html`<p class="hint" id="${id}-hint">${hint}</p>`}
    ${error && html`<p class="field-error" id="${id}-error">${error}</p>`}</div>`;
}

/** One line of text. `type` as of `input`: text, password, email, tel, url, number, search, datetime-local. */
export function TextField({ label, hint, error, required, value, onInput, name, type = "text", ...rest }) {
  return html`<${Field} ...${{ label, hint, error, required }}>${(attributes) => html`<input class="input" ...${attributes}
    ...${rest} name=${name} type=${type} value=${value ?? ""} onInput=${(event) => onInput(event.target.value)} />`}<//>`;
}

/** Several lines of text. */
export function TextArea({ label, hint, error, required, value, onInput, name, rows = 5, ...rest }) {
  return html`<${Field} ...${{ label, hint, error, required }}>${(attributes) => html`<textarea class="input" ...${attributes}
    ...${rest} name=${name} rows=${rows} value=${value ?? ""} onInput=${(event) => onInput(event.target.value)}></textarea>`}<//>`;
}

/** A choice. options: [{ value, label }] or words; `placeholder` is the choice of nothing. */
export function SelectField({ label, hint, error, required, value, onInput, name, options, placeholder, ...rest }) {
  const choices = options.map((option) => (typeof option === "string" ? { value: option, label: option } : option));
  return html`<${Field} ...${{ label, hint, error, required }}>${(attributes) => html`<select class="input" ...${attributes}
    ...${rest} name=${name} value=${value ?? ""} onChange=${(event) => onInput(event.target.value)}>
    ${placeholder !== undefined && html`<option value="">${placeholder}</option>`}
    ${choices.map((choice) => html`<option value=${choice.value} selected=${choice.value === value}>${choice.label}</option>`)}
  </select>`}<//>`;
}

/** Yes or no. */
export function CheckField({ label, hint, error, value, onInput, name, ...rest }) {
  const id = useId();
  return html`<div class="field field-check"><input type="checkbox" id=${id} name=${name} ...${rest} checked=${Boolean(value)}
    aria-describedby=${hint ? `${id}-hint` : undefined} onChange=${(event) => onInput(event.target.checked)} />
    <label for=${id}>${label}</label>
    ${hint && html`<p class="hint" id="${id}-hint">${hint}</p>`}${error && html`<p class="field-error">${error}</p>`}</div>`;
}

/** The error of a field: its own, or that of something inside it ("tags.3" for "tags"). */
function errorFor(errors, name) {
  if (errors[name]) return errors[name];
  const inside = Object.keys(errors).find((key) => key.startsWith(`${name}.`));
  return inside ? errors[inside] : undefined;
}

function withValue(object, [key, ...rest], value) {
  return { ...object, [key]: rest.length ? withValue(object?.[key] ?? {}, rest, value) : value };
}
