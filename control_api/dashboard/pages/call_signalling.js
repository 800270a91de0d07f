// The SIP of a call as a ladder: who sent what to whom and when. Click a message to read it.
import { html, useState } from "../vendor/preact-htm.js";
import { Card } from "../components/page.js";
import { Dialog } from "../components/dialog.js";
import { useLoad } from "../components/states.js";
import { Icon } from "../components/icon.js";

const FIRST_SHOWN = 60;

export function Signalling({ api, call, over }) {
  const path = `/calls/${call.id}/sip`;
  const trace = useLoad((signal) => api.get(path, { format: "json" }, { signal }), [call.id, over]);
  const [read, setRead] = useState(null);
  const [all, setAll] = useState(false);
  if (!trace.data || call.direction === "webrtc" && !trace.data.messages.length) return null;
  const { messages, participants, dropped } = trace.data;
  if (!messages.length) return html`<${Card} title="Signalling"><p class="muted">The SIP messages of this call are not kept any more.</p><//>`;
  const shown = all ? messages : messages.slice(0, FIRST_SHOWN);
  const peer = participants.find(({ name }) => name !== "gateway");
  return html`<${Card} title="Signalling" actions=${html`
    <a class="button button-small" href=${api.url(path, { format: "text" })} download="call-${call.id}.txt"><${Icon} name="download" size=${16} />Text</a>
    <a class="button button-small" href=${api.url(path, { format: "pcap" })} download="call-${call.id}.pcap"><${Icon} name="download" size=${16} />pcap</a>`}>
    <div class="ladder" role="table" aria-label="SIP messages in order">
      <div class="ladder-head" role="row"><span role="columnheader" class="unseen">Time</span><span role="columnheader">${peer?.address ?? "far side"}</span>
        <span role="columnheader">gateway</span></div>
      ${shown.map((message) => html`<${Message} key=${message.sequence} message=${message} onRead=${() => setRead(message)} />`)}</div>
    ${shown.length < messages.length && html`<button type="button" class="button" onClick=${() => setAll(true)}>Show ${messages.length - shown.length} more</button>`}
    ${dropped > 0 && html`<p class="muted small">${dropped} messages before these were not kept.</p>`}
    ${read && html`<${Dialog} title=${read.label} wide onClose=${() => setRead(null)}>
      <p class="muted small">${read.source} to ${read.destination} by ${read.transport}, ${read.size} bytes${read.repeated ? ", repeated" : ""}</p>
      <pre class="code" tabindex="0">${read.text}</pre><//>`}<//>`;
}

function Message({ message, onRead }) {
  const bad = message.status !== null && message.status >= 300;
  return html`<div class="ladder-row ${message.repeated ? "ladder-again" : ""}" role="row">
    <span role="cell" class="ladder-at number">${(message.t_ms / 1000).toFixed(2)} s</span>
    <span role="cell" class="ladder-cell"><button type="button" class="ladder-message ladder-${message.direction} ${bad ? "ladder-bad" : ""}" onClick=${onRead}>
      <span class="ladder-label">${message.label}${message.sdp ? html` <span class="ladder-sdp">SDP</span>` : ""}</span>
      <span class="unseen">${message.direction === "received" ? "to the gateway" : "from the gateway"}</span></button></span></div>`;
}
