// One call: what happened, how it sounded, what was said, and why it ended. While it lasts the page follows it.
import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { hrefTo } from "../router.js";
import { Card, Facts, Figure, PageFrame } from "../components/page.js";
import { ErrorState, Loading, useLoad } from "../components/states.js";
import { StatusBadge } from "../components/badge.js";
import { Time, duration } from "../components/time.js";
import { Icon } from "../components/icon.js";
import { useEvents } from "../event_source.js";
import { CallActions } from "./call_actions.js";
import { Conversation } from "./call_conversation.js";
import { Quality } from "./call_quality.js";
import { Signalling } from "./call_signalling.js";
import { Timeline } from "./call_timeline.js";
import { Deliveries } from "./call_deliveries.js";
import { inWords } from "./call_words.js";

const TERMINAL = ["ended", "failed", "cancelled"];
const RECORDING_AGAIN_MS = 1_500;

export default function Call(properties) {
  const { route, api } = properties;
  const id = encodeURIComponent(route.rest[0]);
  const call = useLoad((signal) => api.get(`/calls/${id}`, {}, { signal }), [id]);
  const back = { href: "#/calls", label: "Calls" };
  if (call.data === undefined) {
    return html`<${PageFrame} title="Call" back=${back}>${call.error
      ? html`<${ErrorState} error=${call.error} onRetry=${call.reload} />` : html`<${Loading} lines=${10} />`}<//>`;
  }
  return html`<${KnownCall} ...${properties} call=${call.data} reload=${call.reload} back=${back} />`;
}

function KnownCall({ api, session, notify, call, reload, back }) {
  const over = TERMINAL.includes(call.status);
  const base = `/calls/${call.id}`;
  const agent = useLoad((signal) => api.get(`/agents/${call.agent_id}`, {}, { signal }).catch(() => null), [call.agent_id]);
  const timeline = useLoad((signal) => api.get(`${base}/timeline`, {}, { signal }), [call.id, over]);
  const quality = useLoad((signal) => api.get(`${base}/quality`, {}, { signal }), [call.id, over]);
  const [steps, setSteps] = useState([]);
  const [liveQuality, setLiveQuality] = useState(null);
  const [utterances, setUtterances] = useState([]);
  useEvents(over ? null : api.url(`${base}/events`), {
    status: reload,
    timeline: (step) => setSteps((before) => (before.some(({ sequence }) => sequence === step.sequence) ? before : [...before, step])),
    quality: setLiveQuality,
    transcript: (piece) => setUtterances((before) => withPiece(before, piece)),
  }, () => api.get(base).catch(() => {})); // tells when the session is over
  // A recording is prepared when the call is over, which takes a moment.
  useEffect(() => {
    if (!over || !["recording", "processing"].includes(call.recording_status)) return undefined;
    const timer = setTimeout(reload, RECORDING_AGAIN_MS);
    return () => clearTimeout(timer);
  }, [call]);
  const known = merged(timeline.data ?? [], steps);
  const leg = (liveQuality ?? quality.data)?.legs[0];
  const words = inWords(call, leg);
  const title = call.phone_number ?? (call.direction === "webrtc" ? "Call from a browser" : "Unknown number");
  return html`<${PageFrame} title=${title} back=${back} actions=${html`
    <${CallActions} ...${{ call, api, session, notify }} onDone=${reload} />
    <button type="button" class="button" onClick=${() => saveJson(api, call, notify)}><${Icon} name="download" />JSON</button>`}>
    <${Card}><div class="row"><${StatusBadge} status=${call.status} /><span>${words.headline}</span></div>
      ${words.trouble && html`<p class="notice notice-bad">${words.trouble}</p>`}
      ${words.advice && html`<p class="muted">${words.advice}</p>`}
      ${call.analysis?.summary && html`<p>${call.analysis.summary}</p>`}<//>
    <div class="figures">
      <${Figure} label="Length" value=${duration(call.duration_seconds)} note=${call.started_at ? html`answered <${Time} value=${call.started_at} />` : "never answered"} />
      <${Figure} label="Sound (MOS)" value=${leg?.sound.mos_average?.toFixed(2) ?? leg?.sound.mos?.toFixed(2) ?? "–"} note=${leg?.sound.mos_min ? `worst ${leg.sound.mos_min.toFixed(2)}` : "not rated"} />
      <${Figure} label="Agent answers in" value=${milliseconds(leg?.conversation.turn_latency_p50_ms)} note="95 of 100 in ${milliseconds(leg?.conversation.turn_latency_p95_ms)}" />
      <${Figure} label="Interruptions" value=${leg?.conversation.barge_ins ?? "–"} note="silent after ${milliseconds(leg?.conversation.barge_in_p50_ms)}" />
      <${Figure} label="Cost" value=${call.cost_cents === null ? "–" : (call.cost_cents / 100).toFixed(2)} note=${call.outcome ? `outcome: ${call.outcome.replaceAll("-", " ")}` : "no outcome"} /></div>
    <${Conversation} call=${call} over=${over} utterances=${utterances} />
    <div class="grid">
      <${Card} title="Facts"><${Facts} pairs=${factsOf(call, agent.data, leg)} /><//>
      <${Timeline} steps=${known} state=${timeline} call=${call} /></div>
    <${Quality} leg=${leg} state=${quality} live=${!over} />
    <${Signalling} api=${api} call=${call} over=${over} />
    <${Deliveries} api=${api} call=${call} />
    <${Raw} call=${call} /><//>`;
}

function Raw({ call }) {
  return html`<details class="card"><summary>Raw call object</summary><pre class="code" tabindex="0">${JSON.stringify(call, null, 2)}</pre></details>`;
}

function factsOf(call, agent, leg) {
  return [
    ["Call", html`<code>${call.id}</code>`],
    ["Direction", call.direction === "webrtc" ? "from a browser" : call.direction],
    ["Agent", agent ? html`<a href=${hrefTo(`/agents/${agent.id}`)}>${agent.name}</a>` : html`<code>${call.agent_id}</code>`],
    ["Our number", call.from_number],
    ["Created", html`<${Time} value=${call.created_at} exact />`],
    ["Answered", call.started_at && html`<${Time} value=${call.started_at} exact />`],
    ["Ended", call.ended_at && html`<${Time} value=${call.ended_at} exact />`],
    ["Answered by", call.answered_by],
    ["Codec", leg?.network.codec && `${leg.network.codec}${leg.network.srtp ? ", encrypted" : ""}`],
    ["Media from", leg?.network.remote_address],
    ["SIP", call.sip.status && `${call.sip.status} ${call.sip.reason ?? ""}`],
    ["SIP Call-ID", call.sip.call_id && html`<code>${call.sip.call_id}</code>`],
    ["Variables", shortJson(call.variables)],
    ["Metadata", shortJson(call.metadata)],
  ];
}

function shortJson(value) {
  return Object.keys(value ?? {}).length ? html`<code>${JSON.stringify(value)}</code>` : null;
}

function milliseconds(value) {
  return value === null || value === undefined ? "–" : `${value} ms`;
}

function merged(read, live) {
  const known = new Map([...read, ...live].map((step) => [step.sequence, step]));
  return [...known.values()].sort((one, other) => one.sequence - other.sequence);
}

/** An utterance grows by pieces; a `text` replaces what is there, a `delta` goes behind it. */
function withPiece(before, piece) {
  const key = `${piece.speaker} ${piece.ordinal}`;
  const old = before.find((utterance) => utterance.key === key);
  const text = piece.text ?? (old?.text ?? "") + (piece.delta ?? "");
  const utterance = { key, speaker: piece.speaker, text, timestamp: old?.timestamp ?? piece.timestamp };
  return old ? before.map((each) => (each.key === key ? utterance : each)) : [...before, utterance];
}

async function saveJson(api, call, notify) {
  try {
    const [fresh, timeline, quality] = await Promise.all(["", "/timeline", "/quality"].map((part) => api.get(`/calls/${call.id}${part}`)));
    const url = URL.createObjectURL(new Blob([JSON.stringify({ call: fresh, timeline, quality }, null, 2)], { type: "application/json" }));
    Object.assign(document.createElement("a"), { href: url, download: `call-${call.id}.json` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1_000);
  } catch (error) {
    notify(error.message, "bad");
  }
}
