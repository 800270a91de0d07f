// Voices: those of the engine, and those imported from a provider.
import { html, useState } from "../vendor/preact-htm.js";
import { PageFrame } from "../components/page.js";
import { DataTable, usePage } from "../components/table.js";
import { Empty } from "../components/states.js";
import { Form, SelectField, TextField, useForm } from "../components/form.js";
import { Confirm, Dialog } from "../components/dialog.js";
import { Icon } from "../components/icon.js";
import { VoicePreview } from "./voice_preview.js";

const PROVIDERS = [{ value: "elevenlabs", label: "ElevenLabs" }, { value: "cartesia", label: "Cartesia" }, { value: "lmnt", label: "LMNT" }, { value: "google", label: "Google" },
  { value: "inworld", label: "Inworld" }, { value: "respeecher", label: "Respeecher" }, { value: "ultravox", label: "Ultravox" }];

export default function Voices({ api, session, notify }) {
  const admin = session.role === "admin";
  const [name, setName] = useState("");
  const [open, setOpen] = useState(null);
  const page = usePage((place, signal) => api.list("/voices", { name, ...place }, { signal }), [name]);
  const columns = [
    { key: "name", title: "Name", main: true },
    { key: "language", title: "Language", wide: true },
    { key: "provider", title: "From", wide: true, render: (voice) => `${voice.provider}${voice.imported ? ", imported" : ""}` },
    { key: "description", title: "Sounds", wide: true },
    { key: "act", title: html`<span class="unseen">Actions</span>`, align: "end", render: (voice) => html`<span class="cell-actions"><${VoicePreview} api=${api} voice=${voice} short />
      ${admin && voice.imported && html`<button type="button" class="button button-icon" aria-label="Forget ${voice.name}" onClick=${() => setOpen({ voice })}><${Icon} name="trash" /></button>`}</span>` },
  ];
  return html`<${PageFrame} title="Voices" actions=${admin && html`<button type="button" class="button button-main" onClick=${() => setOpen({})}><${Icon} name="plus" />Import a voice</button>`}>
    <form class="filters" role="search" aria-label="Search voices" onSubmit=${(event) => event.preventDefault()}>
      <${TextField} label="Name" type="search" value=${name} onInput=${setName} /></form>
    <${DataTable} caption="Voices" columns=${columns} page=${page} empty=${html`<${Empty} icon="microphone" title="No voice fits" />`} />
    ${open && !open.voice && html`<${ImportVoice} api=${api} onClose=${() => setOpen(null)} onDone=${(voice) => { setOpen(null); notify(`${voice.name} can be used.`); page.reload(); }} />`}
    ${open?.voice && html`<${Confirm} title="Forget ${open.voice.name}?" confirm="Forget it" onClose=${() => setOpen(null)}
      onConfirm=${async () => { await api.del(`/voices/${open.voice.id}`); notify("Forgotten."); page.reload(); }}><p>It can be imported again.</p><//>`}<//>`;
}

function ImportVoice({ api, onClose, onDone }) {
  const form = useForm({ name: "", provider: "elevenlabs", provider_voice_id: "", description: "" }, async (values) => {
    onDone(await api.post("/voices", { ...values, description: values.description || null }));
  });
  return html`<${Dialog} title="Import a voice" onClose=${onClose}><${Form} form=${form} label="Import">
    <${TextField} label="Name" required ...${form.bind("name")} />
    <${SelectField} label="Provider" options=${PROVIDERS} ...${form.bind("provider")} />
    <${TextField} label="Its id there" required ...${form.bind("provider_voice_id")} />
    <${TextField} label="Note" ...${form.bind("description")} /><//><//>`;
}
