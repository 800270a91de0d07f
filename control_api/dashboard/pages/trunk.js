// One trunk: what is known of the far side, a test of the connection, its settings.
import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { hrefTo, navigate } from "../router.js";
import { Card, Facts, PageFrame } from "../components/page.js";
import { Loaded, useLoad } from "../components/states.js";
import { Form, useForm } from "../components/form.js";
import { Confirm } from "../components/dialog.js";
import { StatusBadge } from "../components/badge.js";
import { Time } from "../components/time.js";
import { Icon } from "../components/icon.js";
import { MoreFields, SideFields } from "./trunk_fields.js";
import { TrunkState } from "./trunks.js";
import { bodyOf, formOf } from "./trunk_values.js";

const BACK = { href: hrefTo("/trunks"), label: "Trunks" };
const OUTCOMES = {
  "reachable": { tone: "good", label: "It is there" },
  "not-reachable": { tone: "bad", label: "It cannot be reached" },
  "credentials-refused": { tone: "bad", label: "It refuses the credentials" },
};
const TARGETS = {
  unknown: () => "not called yet",
  up: () => "works",
  aside: (target) => html`put aside: ${target.error}${target.aside_until && html`, until <${Time} value=${target.aside_until} />`}`,
};

export default function TrunkPage(properties) {
  const { route, api } = properties;
  const [id] = route.rest;
  const state = useLoad((signal) => api.get(`/trunks/${id}`, {}, { signal }), [id]);
  if (!state.data) return html`<${PageFrame} title="Trunk" back=${BACK}><${Loaded} state=${state} lines=${8} /><//>`;
  return html`<${OneTrunk} ...${properties} trunk=${state.data} onChanged=${state.reload} />`;
}

function OneTrunk({ trunk, route, api, session, notify, onChanged }) {
  const admin = session.role === "admin";
  const [deleting, setDeleting] = useState(false);
  const form = useForm(formOf(trunk), async (values) => {
    await api.patch(`/trunks/${trunk.id}`, bodyOf(values));
    form.set("outbound.auth_password", "");
    form.set("inbound.auth_password", "");
    notify("Saved. It counts from the next call on.");
    onChanged();
  });
  const remove = async () => {
    await api.del(`/trunks/${trunk.id}`);
    notify(`${trunk.name} was deleted.`);
    navigate("/trunks");
  };
  const actions = admin && html`<button type="button" class="button" onClick=${() => setDeleting(true)}><${Icon} name="trash" />Delete</button>`;
  return html`<${PageFrame} title=${trunk.name} back=${BACK} actions=${actions}>
    <div class="columns">
      <${Card} title="Settings">${admin
        ? html`<${Form} form=${form}><${SideFields} form=${form} kept=${trunk.outbound?.auth_password_set} keptInbound=${trunk.inbound?.auth_password_set} /><${MoreFields} form=${form} /><//>`
        : html`<${ReadOnly} trunk=${trunk} />`}<//>
      <div class="stack">
        ${trunk.outbound && admin && html`<${Card} title="Connection"><${ConnectionTest} trunk=${trunk} api=${api} atOnce=${route.query.test === "1"} onTested=${onChanged} /><//>`}
        <${Card} title="Far side"><${Facts} pairs=${[
          ["State", html`<${TrunkState} trunk=${trunk} />`],
          ["Probe", trunk.probe?.text],
          ...(trunk.outbound?.target_states ?? []).map((target) => [target.address, TARGETS[target.state](target)]),
          ["Asked", trunk.probe && html`<${Time} value=${trunk.probe.asked_at} />`],
          ["Registered", trunk.registration?.registered_at && html`<${Time} value=${trunk.registration.registered_at} />`],
          ["Until", trunk.registration?.expires_at && html`<${Time} value=${trunk.registration.expires_at} />`],
          ["Error", trunk.registration?.error],
        ]} /><p class="row"><button type="button" class="button" onClick=${onChanged}><${Icon} name="refresh" />Look again</button>
          <a class="button" href=${hrefTo("/rejections")}>Refused calls</a></p><//>
        ${trunk.registered_contacts && html`<${Card} title="Registered here"><${Registered} contacts=${trunk.registered_contacts} /><//>`}</div></div>
    ${deleting && html`<${Confirm} title="Delete ${trunk.name}?" onClose=${() => setDeleting(false)} onConfirm=${remove}>
      <p>Calls in progress go on; new ones are refused. This cannot be undone.</p><//>`}<//>`;
}

/** Asks the far side, and tells in words what came of it. */
function ConnectionTest({ trunk, api, atOnce, onTested }) {
  const [state, setState] = useState({ busy: false });
  const test = async () => {
    setState({ busy: true });
    try {
      setState({ busy: false, result: await api.post(`/trunks/${trunk.id}/test`) });
      onTested();
    } catch (error) {
      setState({ busy: false, error });
    }
  };
  useEffect(() => { if (atOnce) test(); }, []);
  const { result, error, busy } = state;
  return html`<p class="muted">Asks ${trunk.outbound.address ?? "who has registered here"} whether it is there and takes the credentials.</p>
    <p class="row"><button type="button" class="button" disabled=${busy} onClick=${test}><${Icon} name="activity" />Test the connection</button></p>
    <div class="test-result" aria-live="polite" aria-busy=${busy ? "true" : "false"}>
      ${busy && html`<span class="muted">Asking, up to half a minute …</span>`}
      ${result && html`<${StatusBadge} ...${OUTCOMES[result.outcome]} /><p>${result.text}${result.sip_status ? html` <span class="muted">(SIP ${result.sip_status})</span>` : ""}</p>
        ${result.servers.length > 0 && html`<p class="muted">Servers: ${result.servers.map((one) => `${one.transport}:${one.address}:${one.port}`).join(", ")}</p>`}`}
      ${error && html`<p class="notice notice-bad" role="alert">${error.message}</p>`}</div>`;
}

/** Who has registered with us, at the node that was asked. */
function Registered({ contacts }) {
  if (!contacts.length) return html`<p class="muted">Nobody has.</p>`;
  return contacts.map((each) => html`<${Facts} key=${each.contact} pairs=${[
    ["Contact", each.contact], ["From", `${each.address}, ${each.transport.toUpperCase()}`], ["Program", each.user_agent],
    ["Last seen", html`<${Time} value=${each.last_seen_at} />`], ["Until", html`<${Time} value=${each.expires_at} />`],
  ]} />`);
}

function ReadOnly({ trunk }) {
  return html`<${Facts} pairs=${[
    ["Calls out to", trunk.outbound?.to_registered ? "who has registered here" : trunk.outbound?.address], ["Transport", trunk.outbound?.transport], ["User name", trunk.outbound?.auth_username],
    ["Calls in from", trunk.inbound?.allowed_addresses.join(", ")], ["They sign in as", trunk.inbound?.auth_username], ["Numbers", trunk.number_format], ["Codecs", trunk.codecs.join(", ")],
    ["Encryption", trunk.media_encryption], ["Calls at once", trunk.max_concurrent_calls],
  ]} />`;
}
