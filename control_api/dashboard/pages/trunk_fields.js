// The fields of a trunk: the two sides first, what few need folded away.
import { html } from "../vendor/preact-htm.js";
import { CheckField, SelectField, TextArea, TextField } from "../components/form.js";
import { ChoicesField, Folded, LinesField, NumberField } from "../components/fields.js";

const TRANSPORTS = [{ value: "udp", label: "UDP" }, { value: "tcp", label: "TCP" }, { value: "tls", label: "TLS" }, { value: "auto", label: "as the DNS says" }];
const MATCHES = [{ value: "all", label: "the address and the password" }, { value: "any", label: "one of the two" }];
const GOES_TO = [{ value: "", label: "an address" }, { value: "number", label: "the PBX that registers here" }, { value: "contact", label: "the telephones that register here" }];
const CODECS = ["PCMU", "PCMA", "G722", "OPUS", "L16"];
const FORMATS = [{ value: "e164", label: "E.164, +14155550123" }, { value: "national", label: "national, as dialled at home" }, { value: "raw", label: "as it comes" }];
const PLUSES = [{ value: "keep", label: "as the format has it" }, { value: "add", label: "always" }, { value: "strip", label: "never" }];
const NAMES = [{ value: "none", label: "none" }, { value: "agent", label: "the agent's" }, { value: "trunk", label: "the trunk's" }];
const ROUTES = [{ value: "request_uri", label: "nowhere else" }, { value: "to", label: "in To" }, { value: "diversion", label: "in Diversion" }];
const ENCRYPTION = [{ value: "disable", label: "never" }, { value: "allow", label: "when the far side does it too" }, { value: "require", label: "always" }];
const KEYING = [{ value: "sdes", label: "SDES, in the session description" }, { value: "dtls", label: "DTLS-SRTP" }];
const DTMF = [{ value: "auto", label: "all ways" }, { value: "rfc4733", label: "RFC 4733 events only" }, { value: "info", label: "SIP INFO only" }, { value: "inband", label: "tones in the audio too" }];
const SYMMETRIC = [{ value: "auto", label: "once they come" }, { value: "always", label: "nowhere before" }, { value: "never", label: "no, only to the address it names" }];
const TIMERS = [{ value: "off", label: "never" }, { value: "allow", label: "when the far side asks" }, { value: "always", label: "we ask" }];
const RELIABLE = [{ value: "off", label: "never" }, { value: "allow", label: "when the far side asks" }, { value: "require", label: "always" }];
const REDIRECTS = [{ value: "off", label: "not followed" }, { value: "trunk", label: "within this trunk" }, { value: "any", label: "to anywhere" }];
const RINGBACK = [{ value: "none", label: "what its own side makes of it" }, { value: "tone", label: "a ringing tone of ours" }];
const EARLY = [{ value: "ignore", label: "ignored" }, { value: "connect", label: "makes the media path at once" }];

/** Where calls go to and come from. `kept`, `keptInbound`: there is a password already. */
export function SideFields({ form, kept = false, keptInbound = false }) {
  const { values, errors } = form;
  return html`
    <${TextField} label="Name" required ...${form.bind("name")} />
    <fieldset class="side-fields"><legend>Calls out</legend>
      <${CheckField} label="Calls go out over this trunk" ...${form.bind("has_outbound")} />
      ${values.has_outbound && html`<div class="form-grid">
        <${SelectField} label="They go to" options=${GOES_TO} ...${form.bind("outbound.to_registered")} />
        ${!values.outbound.to_registered && html`<${TextField} label="Address" required placeholder="sip.example.com:5060" ...${form.bind("outbound.address")} />
        <${SelectField} label="Transport" options=${TRANSPORTS} ...${form.bind("outbound.transport")} />`}
        <${TextField} label="User name" autocomplete="off" ...${form.bind("outbound.auth_username")} />
        <${TextField} label="Password" type="password" autocomplete="new-password" ...${form.bind("outbound.auth_password")} hint=${kept ? "Empty: as it was." : undefined} /></div>`}</fieldset>
    <fieldset class="side-fields"><legend>Calls in</legend>
      <${CheckField} label="Calls come in over this trunk" ...${form.bind("has_inbound")} error=${errors.inbound} />
      ${values.has_inbound && html`<${LinesField} label="From these addresses and networks" required=${!values.inbound.auth_username} rows=${3} placeholder="203.0.113.0/24" ...${form.bind("inbound.allowed_addresses")}
        hint="One a line. Nobody else is let in." />
        <div class="form-grid"><${TextField} label="User name that we ask for" autocomplete="off" ...${form.bind("inbound.auth_username")} hint="Empty: the address is enough." />
          <${TextField} label="Password that we ask for" type="password" autocomplete="new-password" ...${form.bind("inbound.auth_password")} hint=${keptInbound ? "Empty: as it was." : undefined} />
          ${values.inbound.auth_username && html`<${SelectField} label="A call needs" options=${MATCHES} ...${form.bind("inbound.match")} />`}</div>
        ${values.inbound.auth_username && html`<${CheckField} label="This user may register here" ...${form.bind("inbound.registrar.enabled")} error=${errors["inbound.registrar"]} />`}
        ${values.inbound.auth_username && values.inbound.registrar.enabled && html`<div class="form-grid">
          <${NumberField} label="Telephones at once" min="1" max="100" ...${form.bind("inbound.registrar.max_contacts")} hint="A further one takes the place of the oldest." />
          <${NumberField} label="Shortest registration, in seconds" min="10" ...${form.bind("inbound.registrar.min_expires")} />
          <${NumberField} label="Longest registration, in seconds" min="10" ...${form.bind("inbound.registrar.max_expires")} />
          <${CheckField} label="Calls from where it registered need no password" ...${form.bind("inbound.registrar.trust_source")} /></div>`}`}</fieldset>`;
}

/** Everything else, folded. */
export function MoreFields({ form }) {
  const { values, errors } = form;
  return html`
    ${values.has_outbound && html`<${Folded} title="Watching and registration" errors=${errors} fields=${["outbound.probe_interval", "outbound.registration", "outbound.from_host"]}>
      <${NumberField} label="Ask every so many seconds whether it is there" min="0" max="3600" ...${form.bind("outbound.probe_interval")} hint="0: never; else 5 to 3600." />
      ${!values.outbound.to_registered && html`<${CheckField} label="Register there" ...${form.bind("outbound.registers")} />`}
      ${!values.outbound.to_registered && values.outbound.registers && html`<div class="form-grid"><${NumberField} label="For so many seconds" min="60" ...${form.bind("outbound.registration.expires")} />
        <${TextField} label="User" ...${form.bind("outbound.registration.username")} hint="Empty: the user name above." />
        <${TextField} label="Domain" ...${form.bind("outbound.registration.domain")} hint="Empty: the host of the address." /></div>`}
      <${TextField} label="Domain of the From header" ...${form.bind("outbound.from_host")} /><//>`}
    ${values.has_outbound && !values.outbound.to_registered && html`<${Folded} title="Targets" errors=${errors} fields=${["outbound.targets", "outbound.proxy", "outbound.failover"]}>
      <${LinesField} label="Where calls go" rows=${3} placeholder="sip1.example.com priority=10 weight=10" ...${form.bind("outbound.targets")}
        hint="One a line, the lowest priority tried first; tls, tcp or udp and off may follow. Empty: the address above." />
      <${TextField} label="Proxy" placeholder="proxy.example.com" ...${form.bind("outbound.proxy")} hint="Takes the calls for all of them." /><//>`}
    ${values.has_outbound && !values.outbound.to_registered && ["tls", "auto"].includes(values.outbound.transport) && html`<${Folded} title="TLS" errors=${errors} fields=${["outbound.tls"]}>
      <div class="form-grid"><${TextField} label="Name in the certificate" ...${form.bind("outbound.tls.server_name")} hint="Empty: the host of the address." />
        <${SelectField} label="Oldest version" options=${["1.2", "1.3"]} ...${form.bind("outbound.tls.min_version")} /></div>
      <${TextArea} label="Authorities to believe, PEM" rows=${3} ...${form.bind("outbound.tls.ca")} hint="Empty: the system's." />
      <${TextArea} label="Our certificate, PEM" rows=${3} ...${form.bind("outbound.tls.certificate")} />
      <${TextArea} label="Its private key, PEM" rows=${3} ...${form.bind("outbound.tls.private_key")} hint="Never shown again; empty: as it was." /><//>`}
    <${Folded} title="Numbers and limits" errors=${errors} fields=${["number_format", "default_country", "max_concurrent_calls", "enabled", "number_writing", "rates", "inbound.route_by"]}>
      <div class="form-grid"><${SelectField} label="Numbers are written" options=${FORMATS} ...${form.bind("number_format")} />
        <${TextField} label="Country of national numbers" maxlength="2" placeholder="DE" required=${values.number_format === "national"} ...${form.bind("default_country")} />
        <${NumberField} label="Calls at once" min="1" ...${form.bind("max_concurrent_calls")} hint="Empty: no limit." />
        <${SelectField} label="A plus before numbers" options=${PLUSES} ...${form.bind("number_writing.leading_plus")} />
        <${TextField} label="Prefix of numbers that are called" maxlength="16" ...${form.bind("number_writing.tech_prefix")} hint="Digits, # and *." />
        <${NumberField} label="Calls out a second" min="0" step="any" ...${form.bind("rates.outbound_calls_per_second")} hint="Empty: no limit." />
        <${NumberField} label="Calls in a second" min="0" step="any" ...${form.bind("rates.inbound_calls_per_second")} hint="Empty: no limit." />
        ${values.has_inbound && html`<${SelectField} label="The number called stands, if not in the Request-URI," options=${ROUTES} ...${form.bind("inbound.route_by")} />`}</div>
      <${CheckField} label="Switched on" ...${form.bind("enabled")} /><//>
    ${values.has_outbound && html`<${Folded} title="Who is shown as the caller" errors=${errors} fields=${["outbound.caller_identity"]}>
      <div class="form-grid"><${SelectField} label="Name" options=${NAMES} ...${form.bind("outbound.caller_identity.display_name")} />
        <${TextField} label="User in From" ...${form.bind("outbound.caller_identity.from_user")} hint="Empty: the number." />
        <${TextField} label="Diverted from" placeholder="+14155550123" ...${form.bind("outbound.caller_identity.diversion")} hint="Empty: no Diversion." /></div>
      <${CheckField} label="The number in P-Asserted-Identity" ...${form.bind("outbound.caller_identity.p_asserted_identity")} />
      <${CheckField} label="The number in P-Preferred-Identity" ...${form.bind("outbound.caller_identity.p_preferred_identity")} />
      <${CheckField} label="Withhold the caller" ...${form.bind("outbound.caller_identity.private")} /><//>`}
    <${Folded} title="Audio" note=${values.codecs.join(", ")} errors=${errors} fields=${["codecs", "dtmf", "media_encryption", "srtp_keying", "symmetric"]}>
      <${ChoicesField} label="Codecs, the first chosen first" inline options=${CODECS.map((value) => ({ value, label: value }))} ...${form.bind("codecs")}
        hint=${values.codecs.length ? `In order: ${values.codecs.join(", ")}.` : "Choose one at least."} />
      <div class="form-grid"><${SelectField} label="Encryption (SRTP)" options=${ENCRYPTION} ...${form.bind("media_encryption")} />
        <${SelectField} label="Keys of calls we place" options=${KEYING} ...${form.bind("srtp_keying")} />
        <${SelectField} label="Keys pressed come as" options=${DTMF} ...${form.bind("dtmf")} />
        <${SelectField} label="Audio goes to where packets come from" options=${SYMMETRIC} ...${form.bind("symmetric")} /></div><//>
    <${Folded} title="Signalling" errors=${errors} fields=${["signalling"]}>
      <div class="form-grid"><${SelectField} label="Session timers" options=${TIMERS} ...${form.bind("signalling.session_timer")} />
        <${NumberField} label="Session interval, in seconds" min="90" ...${form.bind("signalling.session_expires")} />
        <${NumberField} label="Shortest that is taken" min="90" ...${form.bind("signalling.min_session_expires")} />
        <${SelectField} label="Reliable provisional answers" options=${RELIABLE} ...${form.bind("signalling.reliable_provisionals")} />
        <${SelectField} label="Early media" options=${EARLY} ...${form.bind("signalling.early_media")} />
        <${SelectField} label="Redirections (3xx)" options=${REDIRECTS} ...${form.bind("signalling.follow_redirects")} /></div><//>
    <${Folded} title="In a call" errors=${errors} fields=${["dialog"]}>
      <${CheckField} label="The far side may send the call on (REFER)" ...${form.bind("dialog.allow_refer")} />
      <${CheckField} label="The agent is told the text of its messages (MESSAGE)" ...${form.bind("dialog.allow_messages")} />
      <${SelectField} label="Until the answer a caller hears" options=${RINGBACK} ...${form.bind("dialog.ringback")} /><//>`;
}
