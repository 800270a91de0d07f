// The recording, drawn, with what was said under it: click a line to hear it.
import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact-htm.js";
import { Card } from "../components/page.js";
import { duration } from "../components/time.js";
import { Icon } from "../components/icon.js";

const DRAWN_RATE = 3_000; // Hz: enough for a picture, and an hour of it fits into memory
const LONGEST_DRAWN_S = 3_600;
const NAMES = { agent: "Agent", contact: "Contact" };

export function Conversation({ call, over, utterances }) {
  const audio = useRef(null);
  const [at, setAt] = useState(0);
  const lines = over ? call.transcript ?? [] : utterances;
  const source = call.recording_status === "ready" && call.recording_url ? here(call.recording_url) : null;
  const hear = (seconds) => {
    if (!audio.current) return;
    audio.current.currentTime = seconds;
    audio.current.play();
  };
  const current = source ? lines.findLastIndex((line) => line.timestamp <= at) : -1;
  return html`<${Card} title=${over ? "Recording and transcript" : "What is being said"} actions=${source && html`
    <a class="button button-small" href=${source} download><${Icon} name="download" size=${16} />Recording</a>`}>
    ${source ? html`<${Waveform} source=${source} at=${at} seconds=${call.duration_seconds} onSeek=${hear} />
      <audio class="player" ref=${audio} src=${source} controls preload="metadata" onTimeUpdate=${(event) => setAt(event.target.currentTime)}></audio>`
      : over && html`<p class="muted">${noRecording(call)}</p>`}
    ${lines.length === 0 ? html`<p class="muted">${over ? "Nothing was said, or nothing was written down." : "Nobody has spoken yet."}</p>`
      : html`<ol class="transcript">${lines.map((line, index) => html`<li key=${line.key ?? index} class="said said-${line.speaker} ${index === current ? "said-now" : ""}">
        <button type="button" class="said-at number" disabled=${!source} aria-label="Hear from ${duration(line.timestamp)}" onClick=${() => hear(line.timestamp)}>${duration(line.timestamp)}</button>
        <span class="said-who">${NAMES[line.speaker] ?? line.speaker}</span>
        <span class="said-text">${line.text}${line.interrupted && html` <span class="muted small" title="The contact spoke; heard were ${line.played_ms} ms of it.">(interrupted)</span>`}</span></li>`)}</ol>`}<//>`;
}

/** A recording's link as one of our own origin, from where alone the page may load anything. */
function here(url) {
  const { pathname, search } = new URL(url, location.href);
  return pathname + search;
}

function noRecording(call) {
  const words = {
    none: "The call was not recorded.",
    recording: "The recording is being written.",
    processing: "The recording is being prepared; look again in a moment.",
    failed: "The recording could not be kept.",
    deleted: "The recording was removed.",
    expired: "The recording was removed, as it was old.",
  };
  return words[call.recording_status] ?? "There is no recording.";
}

/** Both channels as loudness over time, the contact above, the agent below. */
function Waveform({ source, at, seconds, onSeek }) {
  const canvas = useRef(null);
  const [peaks, setPeaks] = useState(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    if (seconds > LONGEST_DRAWN_S) return setFailed(true);
    const control = new AbortController();
    peaksOf(source, control.signal).then(setPeaks, () => !control.signal.aborted && setFailed(true));
    return () => control.abort();
  }, [source.split("?")[0]]);
  useLayoutEffect(() => {
    if (!peaks) return undefined;
    const redraw = () => draw(canvas.current, peaks);
    redraw();
    const sized = new ResizeObserver(redraw);
    sized.observe(canvas.current);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", redraw);
    return () => {
      sized.disconnect();
      scheme.removeEventListener("change", redraw);
    };
  }, [peaks]);
  if (failed) return null;
  const length = peaks?.seconds ?? seconds ?? 0;
  const seek = (event) => {
    const { left, width } = event.currentTarget.getBoundingClientRect();
    onSeek(((event.clientX - left) / width) * length);
  };
  return html`<div class="waveform" onClick=${peaks && seek} title="Click to hear from here">
    <canvas ref=${canvas} role="img" aria-label="Loudness of the contact (above) and the agent (below) over ${duration(length)}" data-drawn=${peaks ? "yes" : "no"}></canvas>
    ${length > 0 && html`<span class="waveform-at" style=${{ left: `${Math.min(100, (100 * at) / length)}%` }}></span>`}
    <span class="waveform-name waveform-contact">Contact</span><span class="waveform-name waveform-agent">Agent</span></div>`;
}

async function peaksOf(source, signal) {
  const answer = await fetch(source, { signal });
  if (!answer.ok) throw new Error(`The recording answered ${answer.status}.`);
  const decoder = new OfflineAudioContext(2, 1, DRAWN_RATE);
  const decoded = await decoder.decodeAudioData(await answer.arrayBuffer());
  const points = 1_200;
  const step = Math.max(1, Math.floor(decoded.length / points));
  const channels = Array.from({ length: Math.min(2, decoded.numberOfChannels) }, (_, channel) => {
    const samples = decoded.getChannelData(channel);
    const found = new Float32Array(Math.ceil(samples.length / step));
    for (let index = 0; index < samples.length; index += 1) {
      const place = Math.floor(index / step);
      const level = Math.abs(samples[index]);
      if (level > found[place]) found[place] = level;
    }
    return found;
  });
  return { channels, seconds: decoded.duration };
}

function draw(canvas, { channels }) {
  const ratio = devicePixelRatio || 1;
  const { width, height } = canvas.getBoundingClientRect();
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const colours = getComputedStyle(canvas);
  const lane = height / channels.length;
  channels.forEach((peaks, channel) => {
    pen.fillStyle = colours.getPropertyValue(channel === 0 ? "--contact" : "--agent");
    const middle = lane * (channel + 0.5);
    const loudest = Math.max(0.05, ...peaks);
    const bars = Math.floor(width / 2);
    for (let bar = 0; bar < bars; bar += 1) {
      const from = Math.floor((bar * peaks.length) / bars);
      const to = Math.max(from + 1, Math.floor(((bar + 1) * peaks.length) / bars));
      let peak = 0;
      for (let index = from; index < to; index += 1) peak = Math.max(peak, peaks[index]);
      const high = Math.max(1, (peak / loudest) * (lane - 6));
      pen.fillRect(bar * 2, middle - high / 2, 1.4, high);
    }
  });
}
