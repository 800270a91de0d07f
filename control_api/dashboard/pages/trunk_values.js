// A trunk as the fields of a form hold it, and as the API takes it.
import { linesOf } from "../components/fields.js";

const PLAIN = ["name", "number_format", "codecs", "enabled", "dtmf", "media_encryption", "srtp_keying", "symmetric"];
const FRESH = {
  name: "", number_format: "e164", codecs: ["PCMU", "PCMA"], enabled: true, dtmf: "auto", media_encryption: "allow", srtp_keying: "sdes", symmetric: "auto",
};
const SIGNALLING = ["session_timer", "session_expires", "min_session_expires", "reliable_provisionals", "early_media", "follow_redirects"];
const FRESH_SIGNALLING = { session_timer: "allow", session_expires: 1800, min_session_expires: 90, reliable_provisionals: "allow", early_media: "ignore", follow_redirects: "off" };
const FRESH_INBOUND = { auth_username: "", auth_password: "", match: "all", route_by: "request_uri", registrar: null };
const FRESH_REGISTRAR = { enabled: false, max_contacts: 5, min_expires: 60, max_expires: 3600, trust_source: false };
const FRESH_OUTBOUND = { address: "", to_registered: "", transport: "udp", auth_username: "", auth_password: "", from_host: "", probe_interval: 0, proxy: "", failover: null };
const FRESH_IDENTITY = { from_user: "", display_name: "none", p_asserted_identity: false, p_preferred_identity: false, private: false, diversion: "" };
const FRESH_WRITING = { leading_plus: "keep", tech_prefix: "" };
const FRESH_DIALOG = { allow_refer: false, allow_messages: false, ringback: "none" };
const FRESH_RATES = { outbound_calls_per_second: "", inbound_calls_per_second: "" };
const FRESH_TLS = { ca: "", server_name: "", min_version: "1.2", certificate: "", private_key: "" };
const FRESH_REGISTRATION = { expires: 300, username: "", domain: "" };

/** The fields of a form, of a trunk of the API or of a preset's values. */
export function formOf(trunk) {
  const { inbound, outbound } = trunk;
  return {
    ...FRESH,
    ...Object.fromEntries(PLAIN.filter((name) => trunk[name] !== undefined).map((name) => [name, trunk[name]])),
    default_country: trunk.default_country ?? "",
    max_concurrent_calls: trunk.max_concurrent_calls ?? "",
    has_inbound: Boolean(inbound),
    inbound: { ...withTexts(FRESH_INBOUND, inbound), registrar: withTexts(FRESH_REGISTRAR, inbound?.registrar), allowed_addresses: (inbound?.allowed_addresses ?? []).join("\n") },
    has_outbound: Boolean(outbound),
    outbound: { ...withTexts(FRESH_OUTBOUND, outbound), tls: withTexts(FRESH_TLS, outbound?.tls), registers: Boolean(outbound?.registration), caller_identity: withTexts(FRESH_IDENTITY, outbound?.caller_identity), targets: (outbound?.targets ?? []).map(lineOfTarget).join("\n"),
      registration: withTexts(FRESH_REGISTRATION, outbound?.registration) },
    number_writing: withTexts(FRESH_WRITING, trunk.number_writing),
    rates: withTexts(FRESH_RATES, trunk.rates),
    signalling: { ...FRESH_SIGNALLING, ...trunk.signalling },
    dialog: withTexts(FRESH_DIALOG, trunk.dialog),
  };
}

/** The body of a POST or PATCH. */
export function bodyOf(values) {
  return {
    ...Object.fromEntries(PLAIN.map((name) => [name, values[name]])),
    default_country: values.default_country || null,
    max_concurrent_calls: values.max_concurrent_calls === "" ? null : values.max_concurrent_calls,
    inbound: values.has_inbound ? inboundOf(values.inbound) : null,
    outbound: values.has_outbound ? outboundOf(values.outbound) : null,
    number_writing: filled(values.number_writing),
    rates: filled(values.rates),
    signalling: Object.fromEntries(SIGNALLING.map((name) => [name, values.signalling[name]])),
    dialog: values.dialog,
  };
}

function inboundOf({ allowed_addresses: networks, auth_username: user, auth_password: password, match, registrar, route_by: routeBy }) {
  return { registrar: user ? registrar : null, allowed_addresses: linesOf(networks), match, route_by: routeBy, ...(user ? { auth_username: user } : {}), ...(password ? { auth_password: password } : {}) };
}

function outboundOf(values) {
  const to = values.to_registered ? { to_registered: values.to_registered } : { address: values.address };
  const body = { ...to, transport: values.transport, probe_interval: values.probe_interval === "" ? 0 : values.probe_interval,
    caller_identity: filled(values.caller_identity) };
  for (const name of ["auth_username", "auth_password", "from_host", "proxy", "failover"]) if (values[name]) body[name] = values[name];
  if (values.to_registered) return body;
  body.targets = linesOf(values.targets).map(targetOfLine);
  if (values.transport === "tls" || values.transport === "auto") body.tls = filled(values.tls);
  if (values.registers) body.registration = filled(values.registration);
  return body;
}

function withTexts(fresh, given) {
  return Object.fromEntries(Object.entries(fresh).map(([name, value]) => [name, given?.[name] ?? value]));
}

function filled(object) {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== ""));
}

/** `sip1.example.com:5060 priority=10 weight=10 tls off`; what is as usual is left out. */
function lineOfTarget({ address, transport, priority, weight, enabled }) {
  const words = [address];
  if (priority !== 10) words.push(`priority=${priority}`);
  if (weight !== 10) words.push(`weight=${weight}`);
  if (transport) words.push(transport);
  if (!enabled) words.push("off");
  return words.join(" ");
}

function targetOfLine(line) {
  const [address, ...words] = line.split(/\s+/);
  const target = { address };
  for (const word of words) {
    const [name, value] = word.split("=");
    if (value !== undefined) target[name] = Number.isInteger(Number(value)) ? Number(value) : value;
    else if (name === "off") target.enabled = false;
    else target.transport = name;
  }
  return target;
}
