// The fields of an agent: the few that everybody needs, and the rest folded away.
import { html } from "../vendor/preact-htm.js";
import { hrefTo } from "../router.js";
import { CheckField, SelectField, TextArea, TextField } from "../components/form.js";
import { ChoicesField, Folded, NumberField, SecondsField } from "../components/fields.js";
import { optionsOf, useAll } from "../components/choices.js";
import { Icon } from "../components/icon.js";
import { VoicePreview } from "./voice_preview.js";

const SPEAKERS = [
  { value: "FIRST_SPEAKER_AGENT", label: "the agent" },
  { value: "FIRST_SPEAKER_USER", label: "the caller" },
];
const ENDINGS = [
  { value: "END_BEHAVIOR_UNSPECIFIED", label: "go on" },
  { value: "END_BEHAVIOR_HANG_UP_SOFT", label: "hang up unless the caller speaks" },
  { value: "END_BEHAVIOR_HANG_UP_STRICT", label: "hang up" },
];
const BROWSER_MODES = [{ value: "bridged", label: "through the gateway" }, { value: "direct", label: "straight to the voice engine" }];
const MOST_MESSAGES = 10;

/** What every agent has: name, voice and what it should do. */
export function MainFields({ form, api }) {
  const voices = useAll(api, "/voices");
  const { voice_id: chosen } = form.values;
  return html`
    <${TextField} label="Name" required maxlength="100" ...${form.bind("name")} />
    <${SelectField} label="Voice" required ...${form.bind("voice_id")} placeholder=${voices.data ? "choose a voice" : "loading"}
      options=${optionsOf(voices.data, (voice) => [voice.name, voice.language].filter(Boolean).join(", "))}
      hint=${voices.error ? `The voices could not be loaded: ${voices.error.message}` : undefined} />
    <${VoicePreview} api=${api} voice=${voices.data?.find((voice) => voice.id === chosen)} />
    <${TextArea} label="What it should do" required rows=${9} ...${form.bind("system_prompt")}
      hint="In plain words: who it is, what it should find out, when it should hang up. {{first_name}} is filled in from a call's variables." />`;
}

/** Everything else, each part folded. */
export function MoreFields({ form, api }) {
  const { errors } = form;
  return html`
    <${Folded} title="Greeting" note="who speaks first, and what" errors=${errors} fields=${["greeting_settings"]}>
      <${SelectField} label="Who speaks first" options=${SPEAKERS} placeholder="the agent (default)" ...${form.bind("greeting_settings.first_speaker")} />
      <${TextArea} label="Words" rows=${2} ...${form.bind("greeting_settings.text")} hint="Empty: the agent finds words of its own." />
      <div class="form-grid"><${NumberField} label="After so many seconds" min="0" step="0.1" ...${form.bind("greeting_settings.delay")} />
        <${CheckField} label="The caller cannot cut it short" ...${form.bind("greeting_settings.uninterruptible")} /></div><//>
    <${Folded} title="Tools and knowledge" note=${attached(form.values)} errors=${errors} fields=${["tools", "knowledge_bases"]}>
      <${Attachments} form=${form} api=${api} /><//>
    <${Folded} title="What it may do in a call" note="hang up, transfer, leave a message" errors=${errors} fields=${["built_in_config"]}>
      <${CheckField} label="Hang up" ...${form.bind("built_in_config.hang_up")} />
      <${CheckField} label="Transfer to a number or address that its instructions name" ...${form.bind("built_in_config.transfer.cold")} />
      <${CheckField} label="Announce a caller before it transfers (warm)" ...${form.bind("built_in_config.transfer.warm")} />
      <${CheckField} label="Leave a message when a machine answers" ...${form.bind("built_in_config.leave_voicemail")} /><//>
    <${Folded} title="Call length and recording" errors=${errors} fields=${["recording_enabled", "join_timeout", "max_duration", "time_exceeded_message"]}>
      <${CheckField} label="Record calls" ...${form.bind("recording_enabled")} />
      <div class="form-grid"><${SecondsField} label="Longest call, in seconds" ...${form.bind("max_duration")} />
        <${SecondsField} label="Let it ring, in seconds" ...${form.bind("join_timeout")} /></div>
      <${TextArea} label="Said when the time is over" rows=${2} ...${form.bind("time_exceeded_message")} /><//>
    <${Folded} title="Calls from a browser" errors=${errors} fields=${["browser_mode"]}>
      <${SelectField} label="The audio goes" options=${BROWSER_MODES} ...${form.bind("browser_mode")}
        hint="Through the gateway calls are recorded, measured and listened to like those of telephones." /><//>
    <${Folded} title="When the caller is silent" note=${count(form.values.inactivity_messages.length, "message")} errors=${errors} fields=${["inactivity_messages"]}>
      <${SilenceMessages} form=${form} /><//>
    <${Folded} title="Taking turns" note="when the caller counts as speaking" errors=${errors} fields=${["vad_settings"]}>
      <div class="form-grid">
        <${SecondsField} label="Pause that ends a turn, in seconds" ...${form.bind("vad_settings.turn_endpoint_delay")} />
        <${SecondsField} label="Shortest turn, in seconds" ...${form.bind("vad_settings.minimum_turn_duration")} />
        <${SecondsField} label="Shortest interruption, in seconds" ...${form.bind("vad_settings.minimum_interruption_duration")} />
        <${NumberField} label="How sure that it is speech" hint="0.1 to 1" min="0.1" max="1" step="0.05" ...${form.bind("vad_settings.frame_activation_threshold")} /></div><//>
    <${Folded} title="Model and language" errors=${errors} fields=${["model", "temperature", "language_hint"]}>
      <div class="form-grid"><${TextField} label="Model" ...${form.bind("model")} />
        <${NumberField} label="Temperature" hint="0: always alike, 1: varied" min="0" max="1" step="0.05" ...${form.bind("temperature")} />
        <${TextField} label="Language" placeholder="en-US" ...${form.bind("language_hint")} /></div><//>
    <${Folded} title="After the call" note="what counts as success, what to extract, where to send it" errors=${errors}
      fields=${["success_criteria", "extraction_schema", "crm_webhook_url", "crm_webhook_secret"]}>
      <${TextArea} label="A call was a success when" rows=${3} ...${form.bind("success_criteria")} />
      <${TextArea} label="What to extract, as JSON Schema" rows=${5} spellcheck=${false} ...${form.bind("extraction_schema")} />
      <div class="form-grid"><${TextField} label="Send every call to" type="url" placeholder="https://…" ...${form.bind("crm_webhook_url")} />
        <${TextField} label="Secret that signs it" type="password" autocomplete="new-password" ...${form.bind("crm_webhook_secret")} hint="Never shown again; empty: as it was." /></div><//>
    <${Folded} title="Note" errors=${errors} fields=${["description"]}>
      <${TextArea} label="Description" rows=${2} ...${form.bind("description")} hint="For you; not used in calls." /><//>`;
}

function Attachments({ form, api }) {
  const tools = useAll(api, "/tools");
  const bases = useAll(api, "/knowledge-bases");
  return html`
    <${ChoicesField} label="Tools" ...${form.bind("tools")} empty=${tools.data ? "There are none yet." : tools.error?.message ?? "Loading"}
      options=${(tools.data ?? []).map((tool) => ({ value: tool.id, label: tool.name, note: tool.description }))} />
    <${SelectField} label="Knowledge base" placeholder="none" ...${form.bind("knowledge_base")} error=${form.errors.knowledge_bases} options=${optionsOf(bases.data)} />
    <p class="row"><a class="button button-small" href=${hrefTo("/tools")}>Tools</a><a class="button button-small" href=${hrefTo("/knowledge")}>Knowledge bases</a></p>`;
}

function SilenceMessages({ form }) {
  const messages = form.values.inactivity_messages;
  const put = (list) => form.set("inactivity_messages", list);
  const change = (at, name, value) => put(messages.map((message, index) => (index === at ? { ...message, [name]: value } : message)));
  const error = (at, name) => form.errors[`inactivity_messages.${at}.${name}`];
  return html`<p class="hint">Said one after the other while the caller stays silent.</p>
    ${messages.map((message, at) => html`<div class="line" key=${at}>
      <${SecondsField} label="After, in seconds" value=${message.duration} error=${error(at, "duration")} onInput=${(value) => change(at, "duration", value)} />
      <${SelectField} label="Then" options=${ENDINGS} value=${message.endBehavior === "END_BEHAVIOR_HANG_UP" ? ENDINGS[1].value : message.endBehavior ?? ENDINGS[0].value}
        onInput=${(value) => change(at, "endBehavior", value)} />
      <div class="line-wide"><${TextField} label="It says" value=${message.message} error=${error(at, "message")} onInput=${(value) => change(at, "message", value)} /></div>
      <button type="button" class="button button-small" aria-label="Remove message ${at + 1}" onClick=${() => put(messages.filter((_, index) => index !== at))}><${Icon} name="trash" />Remove</button></div>`)}
    ${messages.length < MOST_MESSAGES && html`<p><button type="button" class="button button-small"
      onClick=${() => put([...messages, { duration: "10s", message: "", endBehavior: ENDINGS[0].value }])}><${Icon} name="plus" />Add a message</button></p>`}`;
}

function attached({ tools, knowledge_base: base }) {
  return [count(tools.length, "tool"), base ? "a knowledge base" : ""].filter(Boolean).join(", ");
}

function count(number, word) {
  return number ? `${number} ${word}${number === 1 ? "" : "s"}` : "";
}
