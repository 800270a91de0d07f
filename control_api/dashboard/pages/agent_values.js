// An agent as the fields of a form hold it, and as the API takes it.
import { jsonOf } from "../components/fields.js";

const TEXTS = ["description", "language_hint", "time_exceeded_message", "success_criteria", "crm_webhook_url", "join_timeout", "max_duration"];
const VAD = ["turn_endpoint_delay", "minimum_turn_duration", "minimum_interruption_duration", "frame_activation_threshold"];
const GREETING = ["first_speaker", "text", "delay", "uninterruptible"];
const NO_BUILT_INS = { transfer: { cold: false, warm: false }, hang_up: true, leave_voicemail: false };

/** The fields of a form, of an agent of the API or of what a template gives. */
export function formOf(agent) {
  const built = agent.built_in_config ?? {};
  return {
    name: agent.name ?? "",
    voice_id: agent.voice_id ?? "",
    system_prompt: agent.system_prompt ?? "",
    model: agent.model ?? "ultravox-v0.7",
    temperature: agent.temperature ?? 0.3,
    recording_enabled: agent.recording_enabled ?? false,
    browser_mode: agent.browser_mode ?? "bridged",
    tools: agent.tools ?? [],
    knowledge_base: agent.knowledge_bases?.[0] ?? "",
    ...Object.fromEntries(TEXTS.map((name) => [name, agent[name] ?? ""])),
    greeting_settings: Object.fromEntries(GREETING.map((name) => [name, agent.greeting_settings?.[name] ?? ""])),
    vad_settings: Object.fromEntries(VAD.map((name) => [name, agent.vad_settings?.[name] ?? ""])),
    inactivity_messages: agent.inactivity_messages ?? [],
    built_in_config: {
      ...NO_BUILT_INS, ...built, transfer: { ...NO_BUILT_INS.transfer, ...built.transfer },
    },
    extraction_schema: agent.extraction_schema ? JSON.stringify(agent.extraction_schema, null, 2) : "",
    crm_webhook_secret: "",
  };
}

/** The body of a PATCH (or, without what is null, of a POST). Throws an error of a field. */
export function bodyOf(values) {
  const body = {
    name: values.name,
    voice_id: values.voice_id,
    system_prompt: values.system_prompt,
    model: values.model,
    temperature: values.temperature === "" ? 0.3 : values.temperature,
    recording_enabled: values.recording_enabled,
    browser_mode: values.browser_mode,
    tools: values.tools,
    knowledge_bases: values.knowledge_base ? [values.knowledge_base] : [],
    ...Object.fromEntries(TEXTS.map((name) => [name, values[name] || null])),
    greeting_settings: filled(values.greeting_settings),
    vad_settings: filled(values.vad_settings),
    inactivity_messages: values.inactivity_messages.map((message) => filled(message) ?? {}),
    built_in_config: values.built_in_config,
    extraction_schema: jsonOf(values.extraction_schema, "extraction_schema"),
  };
  if (values.crm_webhook_secret) body.crm_webhook_secret = values.crm_webhook_secret;
  return body;
}

/** An object without what is null: what a new agent is made of. */
export function withoutNulls(body) {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
}

/** An object without its empty fields, null when all are. */
function filled(object) {
  const kept = Object.entries(object).filter(([, value]) => value !== "" && value !== null && value !== undefined && value !== false);
  return kept.length ? Object.fromEntries(kept.map(([name, value]) => [name, name === "delay" ? Number(value) : value])) : null;
}
