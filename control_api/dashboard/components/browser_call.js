// A call with an agent from this page: the microphone, how loud both sides are, and what is said.
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { hrefTo } from "../router.js";
import { Icon } from "./icon.js";

const SDK = "/sdk.js";
const STATES = {
  idle: "Ready", connecting: "Connecting", listening: "The agent listens", thinking: "The agent thinks",
  speaking: "The agent speaks", reconnecting: "The connection is made anew", ended: "The call is over",
};
const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];

/**
 * A button that calls the agent from here, and the call. `start()` gives a promise of the answer of
 * `POST /webrtc/call`; `onStarted(callId)` and `onHeard()`, at the agent's first words, tell how far it is.
 */
export function BrowserCall({ start, name, onStarted, onHeard, label = "Call from the browser" }) {
  const [state, setState] = useState({ state: null });
  const call = useRef(null);
  useEffect(() => () => call.current?.hangUp(), []);
  const change = (news) => setState((before) => ({ ...before, ...news }));
  const begin = async () => {
    setState({ state: "connecting", lines: [] });
    try {
      const [{ createCall }, ticket] = await Promise.all([import(SDK), start()]);
      const made = createCall({ joinUrl: ticket.joinUrl, agentName: ticket.agentName });
      call.current = made;
      onStarted?.(ticket.callId);
      change({ callId: ticket.callId });
      follow(made, setState, onHeard);
      await made.start();
    } catch (error) {
      call.current = null;
      change({ state: "ended", error });
    }
  };
  const live = state.state !== null && state.state !== "ended";
  return html`<section class="browser-call" aria-label="Call from the browser">
    <div class="browser-call-head">
      ${live
        ? html`<button type="button" class="button button-danger" onClick=${() => call.current?.hangUp()}><${Icon} name="hangup" />Hang up</button>
            <button type="button" class="button ${state.muted ? "button-on" : ""}" aria-pressed=${state.muted ? "true" : "false"}
              onClick=${() => call.current?.mute(!state.muted)}><${Icon} name="microphone" />${state.muted ? "Muted" : "Mute"}</button>`
        : html`<button type="button" class="button button-main" onClick=${begin}><${Icon} name="headphones" />${state.state ? "Call again" : label}</button>`}
      ${state.state && html`<span class="browser-call-state" role="status">${STATES[state.state] ?? state.state}</span>`}
      ${state.callId && html`<a class="button button-plain" href=${hrefTo(`/calls/${state.callId}`)}>The call's page</a>`}
    </div>
    ${state.error && html`<p class="notice notice-bad" role="alert">${state.error.message}</p>`}
    ${state.state && html`<${Levels} call=${call.current} live=${live} name=${name} />
      <${Transcript} lines=${state.lines ?? []} name=${name} />`}
    ${live && html`<${Keypad} call=${call.current} />`}</section>`;
}

/** Keeps the state of a call up to date. */
function follow(call, setState, onHeard) {
  const change = (news) => setState((before) => ({ ...before, ...news }));
  let heard = false;
  call.addEventListener("state", ({ detail }) => {
    change({ state: detail.state });
    if (detail.state === "speaking" && !heard) {
      heard = true;
      onHeard?.();
    }
  });
  call.addEventListener("muted", ({ detail }) => { if (detail.side !== "agent") change({ muted: detail.muted }); });
  call.addEventListener("error", ({ detail }) => change({ error: detail, ...(detail.fatal ? { state: "ended" } : {}) }));
  call.addEventListener("ended", () => change({ state: "ended" }));
  call.addEventListener("transcript", ({ detail }) => setState((before) => ({ ...before, lines: withLine(before.lines ?? [], detail) })));
}

/** The lines with one that is new, or said more fully. */
function withLine(lines, line) {
  const at = lines.findIndex((each) => each.ordinal === line.ordinal && each.speaker === line.speaker);
  return at < 0 ? [...lines, line].sort((a, b) => a.ordinal - b.ordinal) : lines.map((each, index) => (index === at ? line : each));
}

/** How loud both sides are. Drawn without the component: it changes many times a second. */
function Levels({ call, live, name }) {
  const input = useRef(null);
  const output = useRef(null);
  useEffect(() => {
    const show = ({ detail }) => {
      if (input.current) input.current.value = detail.input;
      if (output.current) output.current.value = detail.output;
    };
    call?.addEventListener("level", show);
    if (!live) show({ detail: { input: 0, output: 0 } });
    return () => call?.removeEventListener("level", show);
  }, [call, live]);
  return html`<div class="levels"><label class="level">You<meter ref=${input} min="0" max="1" value="0"></meter></label>
    <label class="level">${name ? "Agent" : "It"}<meter ref=${output} min="0" max="1" value="0"></meter></label></div>`;
}

function Transcript({ lines, name }) {
  const box = useRef(null);
  useEffect(() => { if (box.current) box.current.scrollTop = box.current.scrollHeight; }, [lines]);
  return html`<div class="transcript" ref=${box} role="log" aria-label="What is said" tabindex="0">
    ${lines.length === 0 && html`<p class="muted small">What is said appears here.</p>`}
    ${lines.map((line) => html`<p key=${`${line.speaker}${line.ordinal}`} class="said said-${line.speaker} ${line.isFinal ? "" : "said-unsure"}">
      <span class="said-who">${line.speaker === "agent" ? name ?? "Agent" : "You"}</span>${line.text}</p>`)}</div>`;
}

function Keypad({ call }) {
  return html`<details class="folded"><summary><span class="folded-title">Keypad</span></summary>
    <div class="folded-body keypad">${KEYS.map((key) => html`<button type="button" class="button" key=${key} onClick=${() => call?.sendDigits(key)}>${key}</button>`)}</div></details>`;
}
