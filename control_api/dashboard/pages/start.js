// The first run: from nothing to a first call in under a minute, then the way to a telephone number.
import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { hrefTo } from "../router.js";
import { Card, PageFrame } from "../components/page.js";
import { Empty, Loaded, useLoad } from "../components/states.js";
import { Form, SelectField, TextField, useForm } from "../components/form.js";
import { BrowserCall } from "../components/browser_call.js";
import { optionsOf, useAll } from "../components/choices.js";
import { TEMPLATES } from "./agent_templates.js";
import { TemplateChoice, useFirstVoice } from "./agent_new.js";
import { bodyOf, formOf, withoutNulls } from "./agent_values.js";

const LOOK_AGAIN_MS = 400;
const OFFERED = TEMPLATES.filter((template) => template.agent.system_prompt);

export default function Start(properties) {
  const { api, session } = properties;
  const state = useLoad(async (signal) => {
    const counted = (path, query) => api.list(path, { ...query, limit: 1 }, { signal }).then((page) => page.total);
    const [agents, calls, numbers, trunks, assigned] = await Promise.all([
      api.list("/agents", { limit: 1 }, { signal }), counted("/calls"), counted("/telephony/numbers"), counted("/trunks"),
      counted("/telephony/numbers", { assigned: true }),
    ]);
    return { agent: agents.items[0] ?? null, calls, numbers, trunks, assigned };
  });
  if (session.role !== "admin") {
    return html`<${PageFrame} title="First steps"><${Empty} icon="agent" title="Nothing to set up for you">An administrator makes agents and numbers.<//><//>`;
  }
  return html`<${PageFrame} title="First steps" lead="An agent, a call with it, then a number that people can dial.">
    <${Loaded} state=${state} lines=${6}>${(known) => html`<${Steps} ...${properties} known=${known} />`}<//><//>`;
}

function Steps({ api, known, notify }) {
  const [agent, setAgent] = useState(known.agent);
  const [talked, setTalked] = useState(known.calls > 0);
  return html`<div class="steps">
    <${Step} done=${agent !== null} title="Make an agent">${agent
      ? html`<p>${agent.name} is there. <a href=${hrefTo(`/agents/${agent.id}`)}>Its settings</a></p>`
      : html`<${QuickAgent} api=${api} onMade=${(made) => { setAgent(made); notify(`${made.name} was made.`); }} />`}<//>
    <${Step} done=${talked} title="Talk to it">${agent
      ? html`<${FirstCall} key=${agent.id} api=${api} agent=${agent} onAgent=${setAgent} onTalked=${() => setTalked(true)} />`
      : html`<p class="muted">It needs no telephone: your browser's microphone will do.</p>`}<//>
    <${Step} done=${known.trunks > 0} title="Connect a carrier or a PBX">
      <p class="muted">A trunk says where your telephone calls come from and go to. There are presets for Twilio, Telnyx, Plivo, Asterisk and FreeSWITCH.</p>
      <p class="row"><a class="button" href=${hrefTo(known.trunks ? "/trunks" : "/trunks/new")}>${known.trunks ? "Trunks" : "Make a trunk"}</a></p><//>
    <${Step} done=${known.assigned > 0} title="Give the agent a number">
      <p class="muted">Whoever dials the number talks to the agent, and the agent calls from it.</p>
      <p class="row"><a class="button" href=${hrefTo(known.numbers ? "/numbers" : "/numbers/import")}>${known.numbers ? "Numbers" : "Import a number"}</a></p><//></div>`;
}

function Step({ title, done, children }) {
  return html`<section class="step ${done ? "step-done" : ""}"><${Card} title=${html`${title}${done && html`<span class="unseen"> (done)</span>`}`}>
    <div class="step-body">${children}</div><//></section>`;
}

/** An agent from a template: a name and a voice are there already. */
function QuickAgent({ api, onMade }) {
  const [chosen, setChosen] = useState(OFFERED[0]);
  const voices = useAll(api, "/voices");
  const form = useForm(formOf(chosen.agent), async (values) => onMade(await api.post("/agents", withoutNulls(bodyOf(values)))));
  useFirstVoice(api, form);
  const choose = (template) => {
    setChosen(template);
    form.reset({ ...formOf(template.agent), voice_id: form.values.voice_id });
  };
  return html`<${TemplateChoice} templates=${OFFERED} chosen=${chosen} onChoose=${choose} />
    <${Form} form=${form} label="Make it"><div class="form-grid">
      <${TextField} label="Name" required ...${form.bind("name")} />
      <${SelectField} label="Voice" required placeholder="choose a voice" ...${form.bind("voice_id")} options=${optionsOf(voices.data, (voice) => [voice.name, voice.language].filter(Boolean).join(", "))} /></div><//>`;
}

/** A call as soon as the voice engine has taken the agent. */
function FirstCall({ api, agent, onAgent, onTalked }) {
  const waiting = agent.status !== "active";
  useEffect(() => {
    if (!waiting) return undefined;
    const timer = setTimeout(() => api.get(`/agents/${agent.id}`).then(onAgent, () => onAgent({ ...agent })), LOOK_AGAIN_MS);
    return () => clearTimeout(timer);
  }, [agent]);
  if (agent.status === "failed" || (waiting && agent.sync_error)) {
    return html`<p class="notice notice-bad" role="alert">The voice engine does not take it: ${agent.sync_error}</p>
      <p class="row"><a class="button" href=${hrefTo(`/agents/${agent.id}`)}>Change its settings</a></p>`;
  }
  if (waiting) return html`<p class="muted" role="status">The voice engine is told of it …</p>`;
  const start = () => api.post("/webrtc/call", { agent_id: agent.id });
  return html`<p class="muted">The browser asks for your microphone; then say hello.</p>
    <${BrowserCall} start=${start} name=${agent.name} label=${`Call ${agent.name}`} onHeard=${onTalked} />`;
}
