// A new agent: from a template, with three fields to fill in and the rest folded away.
import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { hrefTo, navigate } from "../router.js";
import { Card, PageFrame } from "../components/page.js";
import { Form, useForm } from "../components/form.js";
import { Icon } from "../components/icon.js";
import { MainFields, MoreFields } from "./agent_fields.js";
import { TEMPLATES } from "./agent_templates.js";
import { bodyOf, formOf, withoutNulls } from "./agent_values.js";

export default function NewAgent({ api, notify }) {
  const [chosen, setChosen] = useState(TEMPLATES[0]);
  const form = useForm(formOf(chosen.agent), async (values) => {
    const agent = await api.post("/agents", withoutNulls(bodyOf(values)));
    notify(`${agent.name} was made.`);
    navigate(`/agents/${agent.id}`);
  });
  useFirstVoice(api, form);
  const choose = (template) => {
    setChosen(template);
    form.reset({ ...formOf(template.agent), voice_id: form.values.voice_id });
  };
  return html`<${PageFrame} title="New agent" back=${{ href: hrefTo("/agents"), label: "Agents" }}>
    <${TemplateChoice} chosen=${chosen} onChoose=${choose} />
    <${Card}><${Form} form=${form} label="Make the agent"><${MainFields} form=${form} api=${api} /><${MoreFields} form=${form} api=${api} /><//><//><//>`;
}

/** What to begin with. */
export function TemplateChoice({ templates = TEMPLATES, chosen, onChoose }) {
  return html`<div class="templates" role="group" aria-label="Begin with">${templates.map((template) => html`
    <button type="button" class="template" key=${template.name} aria-pressed=${template === chosen ? "true" : "false"} onClick=${() => onChoose(template)}>
      <strong><${Icon} name=${template.icon} />${template.name}</strong><span class="muted small">${template.summary}</span></button>`)}</div>`;
}

/** Puts a voice where none is chosen yet: most people change it later, when they have heard it. */
export function useFirstVoice(api, form) {
  useEffect(() => {
    let gone = false;
    api.list("/voices", { limit: 100 }).then(({ items }) => {
      const voice = items.find((each) => !each.language || each.language.startsWith("en")) ?? items[0];
      if (!gone && voice) form.set("voice_id", voice.id);
    }, () => {});
    return () => { gone = true; };
  }, []);
}
