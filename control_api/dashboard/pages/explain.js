// What would become of a call, step by step. No call is made. The question stands in the address.
import { html, useEffect } from "../vendor/preact-htm.js";
import { hrefTo, navigate } from "../router.js";
import { Card, Facts, PageFrame } from "../components/page.js";
import { ErrorState, Loading, useLoad } from "../components/states.js";
import { Form, SelectField, TextField, useForm } from "../components/form.js";
import { optionsOf, useAll } from "../components/choices.js";

const DIRECTIONS = [{ value: "inbound", label: "somebody calls one of our numbers" }, { value: "outbound", label: "an agent calls somebody" }];
const NAMES = ["direction", "to", "from", "source", "agent_id", "from_number"];

export default function Explain({ route, api }) {
  const asked = Object.fromEntries(NAMES.map((name) => [name, route.query[name] ?? ""]));
  const agents = useAll(api, "/agents");
  const numbers = useAll(api, "/telephony/numbers");
  const answer = useLoad((signal) => (route.query.to ? api.get("/routing/explain", asked, { signal }) : Promise.resolve(null)), [JSON.stringify(asked)]);
  const form = useForm({ ...asked, direction: asked.direction || "inbound" }, async (values) => {
    const inbound = values.direction === "inbound";
    const wanted = { direction: values.direction, to: values.to.trim(), ...(inbound ? { from: values.from.trim(), source: values.source.trim() } : { agent_id: values.agent_id, from_number: values.from_number }) };
    // Asked here too, so that what is wrong with it appears at its field.
    await api.get("/routing/explain", wanted);
    navigate("/explain", wanted);
  });
  useEffect(() => { if (route.query.to) form.reset({ ...asked, direction: asked.direction || "inbound" }); }, [JSON.stringify(asked)]);
  const inbound = form.values.direction === "inbound";
  return html`<${PageFrame} title="Explain a route" lead="What would become of a call, and why. No call is made.">
    <div class="columns"><div class="stack">
      ${answer.data && html`<${Decision} decision=${answer.data} />`}
      ${!answer.data && (answer.error ? html`<${ErrorState} error=${answer.error} onRetry=${answer.reload} />` : answer.busy && route.query.to ? html`<${Loading} lines=${6} />`
        : html`<div class="wide-only"><${Card}><p class="muted">Say which call, and every check that it meets appears here in its order.</p><//></div>`)}</div>
      <${Card} title="The call"><${Form} form=${form} label="Explain">
        <${SelectField} label="Which" options=${DIRECTIONS} ...${form.bind("direction")} />
        ${inbound ? html`
          <${TextField} label="Number dialled" required list="our-numbers" placeholder="+14155550123" ...${form.bind("to")} />
          <datalist id="our-numbers">${(numbers.data ?? []).map((number) => html`<option value=${number.phone_number}>${number.friendly_name}</option>`)}</datalist>
          <${TextField} label="Caller" placeholder="+14155551234" ...${form.bind("from")} />
          <${TextField} label="Address it comes from" placeholder="203.0.113.7" ...${form.bind("source")} hint="Empty: which trunk allows it is not checked." />` : html`
          <${SelectField} label="Agent" required placeholder="choose an agent" options=${optionsOf(agents.data)} ...${form.bind("agent_id")} />
          <${TextField} label="Whom it calls" required type="tel" placeholder="+14155551234" ...${form.bind("to")} />
          <${SelectField} label="From" placeholder="any of its numbers" ...${form.bind("from_number")}
            options=${(numbers.data ?? []).filter((number) => number.outbound_agent_id === form.values.agent_id).map((number) => number.phone_number)} />`}<//><//></div><//>`;
}

function Decision({ decision }) {
  const { routed, refusal, steps } = decision;
  return html`<${Card} title=${routed ? "It would be put through" : "It would be refused"}>
    ${routed ? html`<${Facts} pairs=${[
      ["Agent", html`<a href=${hrefTo(`/agents/${decision.agent.id}`)}>${decision.agent.name}</a>`],
      ["Number", html`<a href=${hrefTo(`/numbers/${decision.number.id}`)}>${decision.number.phone_number}</a>`],
      ["Trunk", decision.trunk && html`<a href=${hrefTo(`/trunks/${decision.trunk.id}`)}>${decision.trunk.name}</a>`],
      ["Target", decision.target && `${decision.target.address}, ${decision.target.transport.toUpperCase()}`],
      ["On the wire", decision.to_user && `to ${decision.to_user}, from ${decision.from_user}`],
    ]} />` : html`<p class="notice notice-bad">${refusal.message}</p>
      ${refusal.fix && html`<p class="notice"><span><strong>To put it right:</strong> ${refusal.fix}</span></p>`}
      <${Facts} pairs=${[["Rule", html`<code>${refusal.kind}</code>`], ["Looked up", refusal.looked_up && html`<code>${refusal.looked_up}</code>`],
        ["The caller gets", refusal.sip_status && `SIP ${refusal.sip_status} ${refusal.sip_reason ?? ""}`]]} />`}<//>
    <${Card} title="Every check, in order"><ol class="explain-steps">${steps.map((step) => html`<li class="explain-step">
      <span class="explain-mark ${step.passed ? "" : "explain-mark-bad"}" role="img" aria-label=${step.passed ? "passed" : "refused"}>${step.passed ? "✓" : "✕"}</span>
      <div><strong>${step.rule}</strong><p class="break"><code>${step.looked_up}</code></p><p class="break muted">${step.found}</p></div></li>`)}</ol><//>`;
}
