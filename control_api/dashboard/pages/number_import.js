// Bringing in a number from a carrier or a PBX. What comes with it is tried before it is taken.
import { html } from "../vendor/preact-htm.js";
import { hrefTo, navigate } from "../router.js";
import { Card, PageFrame } from "../components/page.js";
import { Form, SelectField, TextField, useForm } from "../components/form.js";
import { Folded } from "../components/fields.js";
import { optionsOf, useAll } from "../components/choices.js";

const WAYS = [
  { value: "trunk", label: "a trunk that is here already" },
  { value: "server", label: "a SIP server and its credentials" },
  { value: "telnyx", label: "a Telnyx account" },
  { value: "twilio", label: "a Twilio account" },
];
const TYPES = ["local", "toll-free", "mobile"];
/** Which fields each way sends beside the number's own. */
const FIELDS = {
  trunk: ["trunk_id"],
  server: ["sip_server", "sip_username", "sip_password"],
  telnyx: ["api_key", "sip_username", "sip_password"],
  twilio: ["account_sid", "auth_token", "sip_server", "sip_username", "sip_password"],
};

export default function ImportNumber({ api, notify }) {
  const trunks = useAll(api, "/trunks");
  const agents = useAll(api, "/agents");
  const form = useForm({ phone_number: "", way: "trunk", agent_id: "", type: "local" }, async (values) => {
    const number = await api.post("/telephony/numbers/import", bodyOf(values));
    if (values.agent_id) await api.post("/telephony/numbers/assign", { number_id: number.id, agent_id: values.agent_id });
    notify(`${number.phone_number} is here.`);
    navigate(`/numbers/${number.id}`);
  });
  const { way } = form.values;
  return html`<${PageFrame} title="Import a number" lead="One that you have at a carrier or a PBX." back=${{ href: hrefTo("/numbers"), label: "Numbers" }}>
    <${Card}><${Form} form=${form} label=${form.busy ? "Trying it …" : "Import"}>
      <${TextField} label="Number" type="tel" required placeholder="+14155550123" ...${form.bind("phone_number")} hint="With the country code." />
      <${SelectField} label="It is reached over" options=${WAYS} ...${form.bind("way")} />
      ${way === "trunk" && html`<${SelectField} label="Trunk" placeholder="any outbound trunk" options=${optionsOf(trunks.data)} ...${form.bind("trunk_id")}
        hint=${trunks.data?.length === 0 ? html`There is none yet. <a href=${hrefTo("/trunks/new")}>Make one</a>` : undefined} />`}
      ${way === "telnyx" && html`<${TextField} label="API key of the account" required type="password" autocomplete="off" ...${form.bind("api_key")} hint="Used to see that the account holds the number; not kept." />`}
      ${way === "twilio" && html`<div class="form-grid"><${TextField} label="Account SID" required placeholder="AC…" ...${form.bind("account_sid")} />
        <${TextField} label="Auth token" required type="password" autocomplete="off" ...${form.bind("auth_token")} hint="Used once; not kept." /></div>`}
      ${(way === "server" || way === "twilio") && html`<${TextField} label=${way === "twilio" ? "Termination URI" : "SIP server"} required=${way === "server"}
        placeholder=${way === "twilio" ? "yours.pstn.twilio.com" : "sip.example.com:5060"} ...${form.bind("sip_server")} />`}
      ${way !== "trunk" && html`<div class="form-grid"><${TextField} label="User name" autocomplete="off" ...${form.bind("sip_username")} />
        <${TextField} label="Password" type="password" autocomplete="new-password" ...${form.bind("sip_password")} /></div>`}
      <${SelectField} label="Give it to" placeholder="nobody yet" options=${optionsOf(agents.data)} ...${form.bind("agent_id")} />
      <${Folded} title="More" note="name, kind, country" errors=${form.errors} fields=${["friendly_name", "type", "country"]}>
        <div class="form-grid"><${TextField} label="Name" ...${form.bind("friendly_name")} /><${SelectField} label="Kind" options=${TYPES} ...${form.bind("type")} />
          <${TextField} label="Country" maxlength="2" placeholder="US" ...${form.bind("country")} hint="Empty: found from the number." /></div><//><//><//><//>`;
}

function bodyOf(values) {
  const provider = values.way === "telnyx" || values.way === "twilio" ? { provider_type: values.way } : {};
  const names = ["friendly_name", "country", ...FIELDS[values.way]];
  return {
    phone_number: values.phone_number.replaceAll(/[\s()./-]/g, ""), type: values.type, ...provider,
    ...Object.fromEntries(names.filter((name) => values[name]).map((name) => [name, values[name]])),
  };
}
