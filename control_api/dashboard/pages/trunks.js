// SIP trunks: the list with what is known of the far side, a new one (`#/trunks/new`), and one (`#/trunks/ID`).
import { html } from "../vendor/preact-htm.js";
import { hrefTo } from "../router.js";
import { PageFrame } from "../components/page.js";
import { DataTable, usePage } from "../components/table.js";
import { Empty } from "../components/states.js";
import { Part } from "../components/part.js";
import { StatusBadge } from "../components/badge.js";
import { Icon } from "../components/icon.js";

const PROBES = {
  "reachable": { tone: "good", label: "reachable" },
  "not-reachable": { tone: "bad", label: "not reachable" },
  "credentials-refused": { tone: "bad", label: "credentials refused" },
};
const REGISTRATIONS = {
  registered: { tone: "good", label: "registered" },
  waiting: { tone: "busy", label: "registering" },
  failed: { tone: "bad", label: "registration failed" },
  elsewhere: { tone: "calm", label: "registered by another node" },
};

export default function Trunks(properties) {
  const [first] = properties.route.rest;
  if (!first) return html`<${TrunkList} ...${properties} />`;
  const load = first === "new" ? () => import("./trunk_new.js") : () => import("./trunk.js");
  return html`<${Part} key=${first} load=${load} ...${properties} />`;
}

/** What is known of the far side, as badges. */
export function TrunkState({ trunk }) {
  const shown = [];
  if (!trunk.enabled) shown.push({ tone: "calm", label: "switched off" });
  if (trunk.registration) shown.push(REGISTRATIONS[trunk.registration.state]);
  if (trunk.registered_contacts) {
    const count = trunk.registered_contacts.length;
    shown.push(count ? { tone: "good", label: `${count} registered` } : { tone: "bad", label: "nobody registered" });
  }
  if (trunk.probe) shown.push(PROBES[trunk.probe.state]);
  if (!shown.length) return html`<span class="muted">not watched</span>`;
  return html`<span class="row">${shown.filter(Boolean).map((each) => html`<${StatusBadge} ...${each} />`)}</span>`;
}

function TrunkList({ session, api }) {
  const admin = session.role === "admin";
  const page = usePage((place, signal) => api.list("/trunks", place, { signal }));
  const columns = [
    { key: "name", title: "Name", main: true },
    { key: "state", title: "Far side", render: (trunk) => html`<${TrunkState} trunk=${trunk} />` },
    { key: "in", title: "Calls in from", wide: true, render: (trunk) => networksOf(trunk.inbound?.allowed_addresses ?? []) },
    { key: "out", title: "Calls out to", wide: true, render: (trunk) => trunk.outbound && (trunk.outbound.to_registered ? "who has registered" : `${trunk.outbound.address}, ${trunk.outbound.transport.toUpperCase()}`) },
    { key: "codecs", title: "Codecs", wide: true, render: (trunk) => trunk.codecs.join(", ") },
  ];
  const empty = html`<${Empty} icon="trunk" title="No trunks yet"><p>A trunk says where telephone calls come from and where they go.</p>
    ${admin && html`<p class="row state-row"><a class="button button-main" href=${hrefTo("/trunks/new")}>Make one from a preset</a></p>`}<//>`;
  return html`<${PageFrame} title="Trunks" actions=${admin && html`<a class="button button-main" href=${hrefTo("/trunks/new")}><${Icon} name="plus" />New trunk</a>`}>
    <${DataTable} caption="Trunks, newest first" columns=${columns} page=${page} empty=${empty} hrefOf=${(trunk) => hrefTo(`/trunks/${trunk.id}`)} /><//>`;
}

function networksOf(networks) {
  return networks.length > 2 ? `${networks.slice(0, 2).join(", ")} and ${networks.length - 2} more` : networks.join(", ");
}
