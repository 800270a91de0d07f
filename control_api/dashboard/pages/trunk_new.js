// A new trunk, from a preset of a carrier or a PBX, or from nothing.
import { html, useState } from "../vendor/preact-htm.js";
import { hrefTo, navigate } from "../router.js";
import { Card, PageFrame } from "../components/page.js";
import { Loaded } from "../components/states.js";
import { Form, TextField, useForm } from "../components/form.js";
import { Folded, LinesField, invalid } from "../components/fields.js";
import { useAll } from "../components/choices.js";
import { Icon } from "../components/icon.js";
import { MoreFields, SideFields } from "./trunk_fields.js";
import { bodyOf, formOf } from "./trunk_values.js";

const OWN = { id: "own", name: "Something else", kind: "own", summary: "Any SIP server: you set all of it.", values: { inbound: {}, outbound: {} }, fields: [], there: [] };

export default function NewTrunk(properties) {
  const presets = useAll(properties.api, "/trunk-presets");
  return html`<${PageFrame} title="New trunk" lead="Where calls come from and go to." back=${{ href: hrefTo("/trunks"), label: "Trunks" }}>
    <${Loaded} state=${presets} lines=${6}>${(items) => html`<${Choose} ...${properties} presets=${[...items, OWN]} />`}<//><//>`;
}

function Choose({ presets, ...properties }) {
  const [chosen, setChosen] = useState(null);
  return html`<div class="templates" role="group" aria-label="What is at the other side">${presets.map((preset) => html`
      <button type="button" class="template" key=${preset.id} aria-pressed=${preset === chosen ? "true" : "false"} onClick=${() => setChosen(preset)}>
        <strong><${Icon} name=${preset.kind === "carrier" ? "phone" : "trunk"} />${preset.name}</strong><span class="muted small">${preset.summary}</span></button>`)}</div>
    ${chosen && html`<${TrunkForm} key=${chosen.id} preset=${chosen} ...${properties} />`}`;
}

function TrunkForm({ preset, api, notify }) {
  const form = useForm(formOf(preset.values), async (values) => {
    const missing = preset.fields.find((field) => field.required && !valueAt(values, field.field));
    if (missing) throw invalid(missing.field, "is needed");
    const trunk = await api.post("/trunks", bodyOf(values));
    notify(`${trunk.name} was made.`);
    navigate(`/trunks/${trunk.id}`, { test: trunk.outbound ? "1" : "" });
  });
  const own = preset.fields.length === 0;
  return html`<div class="columns">
    <${Card} title=${own ? "Set here" : `Set here for ${preset.name}`}><${Form} form=${form} label="Make the trunk">
      ${own ? html`<${SideFields} form=${form} />` : html`
        <${TextField} label="Name" required ...${form.bind("name")} />
        ${preset.fields.map((field) => html`<${PresetField} key=${field.field} field=${field} form=${form} />`)}
        <${Folded} title="All of it" note="as the preset sets it" errors=${form.errors} fields=${["outbound.transport", "outbound.address", "inbound"].filter((name) => !preset.fields.some((field) => field.field.startsWith(name)))}>
          <${SideFields} form=${form} /><//>`}
      <${MoreFields} form=${form} /><//><//>
    ${preset.there.length > 0 && html`<${Card} title="Set there"><ol class="plain-list">${preset.there.map((step) => html`<li>${withAddress(step)}</li>`)}</ol>
      <p class="hint">SIP_ADDRESS is this gateway's public SIP address with its port.</p><//>`}</div>`;
}

function PresetField({ field, form }) {
  const common = { label: field.label, hint: field.hint || undefined, required: field.required, placeholder: field.example, ...form.bind(field.field) };
  if (field.field.endsWith("allowed_addresses")) return html`<${LinesField} rows=${3} ...${common} />`;
  const secret = field.field.endsWith("password");
  return html`<${TextField} ...${common} type=${secret ? "password" : "text"} autocomplete=${secret ? "new-password" : "off"} />`;
}

/** The gateway's address stands out, since it is to be replaced. */
function withAddress(step) {
  const [before, ...after] = step.split("SIP_ADDRESS");
  return after.length ? html`${before}<code>SIP_ADDRESS</code>${after.join("SIP_ADDRESS")}` : step;
}

function valueAt(values, path) {
  return path.split(".").reduce((part, key) => part?.[key], values);
}
