// Calling an agent to hear it: from the browser, or the agent calls a telephone (`#/call?agent=ID`).
import { html, useEffect } from "../vendor/preact-htm.js";
import { hrefTo, navigate } from "../router.js";
import { Card, PageFrame } from "../components/page.js";
import { Empty, Loaded } from "../components/states.js";
import { Form, SelectField, TextField, useForm } from "../components/form.js";
import { BrowserCall } from "../components/browser_call.js";
import { LinesField, invalid } from "../components/fields.js";
import { optionsOf, useAll } from "../components/choices.js";

export default function CallAgent(properties) {
  const { api, session, route } = properties;
  const agents = useAll(api, "/agents", { status: "active" });
  if (session.role !== "admin") {
    return html`<${PageFrame} title="Call an agent"><${Empty} icon="phone" title="Only administrators place calls">Ask one of yours to make you one.<//><//>`;
  }
  return html`<${PageFrame} title="Call an agent" lead="Hear it before your callers do: from here, or on your telephone.">
    <${Loaded} state=${agents} lines=${5}>${(items) => (items.length
      ? html`<${Ways} ...${properties} agents=${items} chosen=${items.find((agent) => agent.id === route.query.agent) ?? items[0]} />`
      : html`<${Empty} icon="agent" title="No agent is active">
          <p>Make one, or see why those you have are not active.</p>
          <p class="row state-row"><a class="button button-main" href=${hrefTo("/start")}>Make one</a><a class="button" href=${hrefTo("/agents")}>Agents</a></p><//>`)}<//><//>`;
}

function Ways({ agents, chosen, api, notify }) {
  const form = useForm({ variables: "" }, async () => {});
  const start = () => api.post("/webrtc/call", { agent_id: chosen.id, variables: variablesOf(form.values.variables) });
  return html`
    <${Card} title="Agent"><div class="form-grid">
      <${SelectField} label="Agent" value=${chosen.id} options=${optionsOf(agents)} onInput=${(id) => navigate("/call", { agent: id }, { replace: true })} />
      <${LinesField} label="Values for the slots of its instructions" rows=${2} ...${form.bind("variables")} hint="One a line, such as first_name=Sarah. Most need none." /></div><//>
    <div class="grid">
      <${Card} title="From the browser"><p class="muted">The browser asks for your microphone. No number and no telephone are needed.</p>
        <${BrowserCall} key=${chosen.id} start=${start} name=${chosen.name} /><//>
      <${Card} title="On a telephone"><${PhoneCall} key=${chosen.id} agent=${chosen} api=${api} notify=${notify} variables=${form.values.variables} /><//></div>`;
}

function PhoneCall({ agent, api, notify, variables }) {
  const numbers = agent.outbound_phone_numbers;
  const form = useForm({ phone_number: "", from_number: "" }, async (values) => {
    const call = await api.post("/calls", {
      agent_id: agent.id,
      phone_number: values.phone_number.replaceAll(/[\s()./-]/g, ""),
      variables: variablesOf(variables),
      ...(values.from_number ? { from_number: values.from_number } : {}),
    });
    notify("It rings.");
    navigate(`/calls/${call.id}`);
  });
  useEffect(() => {
    if (!numbers.some((number) => number.phone_number === form.values.from_number)) form.set("from_number", "");
  }, [agent.id]);
  if (!numbers.length) {
    return html`<p class="muted">${agent.name} has no number to call from.</p>
      <p class="row"><a class="button" href=${hrefTo("/numbers")}>Give it one</a></p>`;
  }
  return html`<${Form} form=${form} label="Call this number">
    <${TextField} label="Your number" type="tel" required placeholder="+14155550123" autocomplete="tel" ...${form.bind("phone_number")} hint="With the country code." />
    ${numbers.length > 1 && html`<${SelectField} label="Call from" placeholder="any of its numbers" ...${form.bind("from_number")} options=${numbers.map((number) => number.phone_number)} />`}<//>`;
}

/** "name=value" lines as an object. Throws an error of the field. */
function variablesOf(text) {
  const lines = text.split("\n").map((line) => line.trim()).filter(Boolean);
  return Object.fromEntries(lines.map((line) => {
    const at = line.indexOf("=");
    if (at < 1) throw invalid("variables", `"${line}" is not name=value`);
    return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
  }));
}
