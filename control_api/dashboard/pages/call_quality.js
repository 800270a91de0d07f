// How a call sounded over its time: MOS, jitter, loss and the jitter buffer, and the figures behind them.
import { html, useEffect, useRef } from "../vendor/preact-htm.js";
import { Card, Facts } from "../components/page.js";
import { Loading, useLoad } from "../components/states.js";
import { duration } from "../components/time.js";

export function Quality({ leg, state, live }) {
  // A call that was offered but never answered has a leg that nothing ever went through.
  if (!leg || (!live && leg.network.packets_received + leg.network.packets_sent === 0)) {
    return html`<${Card} title="Sound over time">${state.busy ? html`<${Loading} lines=${3} />`
      : html`<p class="muted">${state.error ? state.error.message : "The call never had audio."}</p>`}<//>`;
  }
  const { network, sound, conversation, history } = leg;
  const share = (value) => (value === null || value === undefined ? null : `${(100 * value).toFixed(1)} %`);
  return html`<${Card} title="Sound over time" actions=${live && html`<span class="muted small">every five seconds</span>`}>
    ${history.length > 1 ? html`<div class="charts">
      <${Chart} title="MOS" history=${history} of=${(point) => point.mos} colour="--good" range=${[1, 4.6]} digits=${2} />
      <${Chart} title="Jitter, ms" history=${history} of=${(point) => point.jitter_ms} colour="--contact" digits=${1} />
      <${Chart} title="Loss, %" history=${history} of=${(point) => 100 * point.loss} colour="--bad" digits=${1} />
      <${Chart} title="Jitter buffer, ms" history=${history} of=${(point) => point.jitter_buffer_ms} colour="--agent" digits=${0} /></div>`
      : html`<p class="muted">${live ? "The first figures come after five seconds." : "The call was too short for a course."}</p>`}
    <div class="grid"><${Facts} pairs=${[
      ["Packets", `${network.packets_received} received, ${network.packets_sent} sent`],
      ["Lost", `${network.packets_lost} in ${network.loss_gaps} gaps`],
      ["Late, twice", `${network.packets_late}, ${network.packets_duplicate}`],
      ["Jitter", `${network.jitter_ms.toFixed(1)} ms at the end, at most ${Math.max(network.jitter_max_ms, network.jitter_ms).toFixed(1)} ms`],
      ["Round trip", network.round_trip_ms === null ? null : `${Math.round(network.round_trip_ms)} ms`],
      ["They hear us", network.remote_mos ? `MOS ${network.remote_mos.toFixed(2)}` : share(network.remote_loss_fraction) && `with ${share(network.remote_loss_fraction)} lost`],
    ]} /><${Facts} pairs=${[
      ["First word", conversation.first_audio_ms === null ? null : `${conversation.first_audio_ms} ms after the answer`],
      ["Turns", conversation.turns],
      ["Answers", conversation.turn_latency_p50_ms === null ? null : `${conversation.turn_latency_p50_ms} ms in the middle, ${conversation.turn_latency_p95_ms} ms at the slow end`],
      ["Made-up frames", sound.frames_concealed],
      ["Contact silent", share(sound.silence_share)],
      ["Too loud", share(sound.clipping_share)],
    ]} /></div><//>`;
}

/** The charting library is loaded when the first chart is drawn. */
function Chart({ title, history, of, colour, range, digits }) {
  const place = useRef(null);
  const plot = useRef(null);
  const library = useLoad(() => import("../vendor/uplot.js"));
  const data = [history.map((point) => point.t_s), history.map(of)];
  useEffect(() => {
    if (!library.data) return undefined;
    const Plot = library.data.default;
    const make = () => {
      plot.current?.destroy();
      plot.current = new Plot(optionsOf(place.current, { title, colour, range, digits }), data, place.current);
    };
    make();
    const sized = new ResizeObserver(() => plot.current.setSize({ width: place.current.clientWidth, height: HEIGHT }));
    sized.observe(place.current);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", make);
    return () => {
      sized.disconnect();
      scheme.removeEventListener("change", make);
      plot.current.destroy();
      plot.current = null;
    };
  }, [library.data]);
  useEffect(() => { plot.current?.setData(data); }, [history]);
  const last = data[1].at(-1);
  return html`<figure class="chart"><figcaption>${title} <span class="muted small">last ${last.toFixed(digits)}</span></figcaption>
    <div class="chart-place" ref=${place}></div></figure>`;
}

const HEIGHT = 130;

function optionsOf(place, { title, colour, range, digits }) {
  const style = getComputedStyle(place);
  const axis = { stroke: style.getPropertyValue("--muted"), grid: { stroke: style.getPropertyValue("--line"), width: 1 }, ticks: { show: false } };
  return {
    width: place.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    scales: { x: { time: false }, y: range ? { range } : { range: (plot, low, high) => [0, Math.max(1, high * 1.15)] } },
    axes: [
      { ...axis, size: 26, values: (plot, ticks) => ticks.map((tick) => duration(tick)) },
      { ...axis, size: 40, values: (plot, ticks) => ticks.map((tick) => tick.toFixed(digits > 1 ? 1 : 0)) },
    ],
    series: [{}, { label: title, stroke: style.getPropertyValue(colour), width: 2, points: { show: false } }],
  };
}
