// What can be done to a call that goes on: hear it, transfer it, end it.
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { Confirm, Dialog } from "../components/dialog.js";
import { Form, SelectField, TextField, useForm } from "../components/form.js";
import { Icon } from "../components/icon.js";
import { listenTo } from "../listening.js";

/** Whether something can be done to it now. */
export const isLive = (call) => call.status === "in-progress";
const isWaiting = (call) => call.status === "queued" || call.status === "ringing";

/** The buttons of a call. `small` for a row of a table. */
export function CallActions({ call, api, session, notify, onDone = () => {}, small = false }) {
  const [dialog, setDialog] = useState(null);
  if (session.role !== "admin" || !(isLive(call) || isWaiting(call))) return null;
  const close = () => setDialog(null);
  const who = call.phone_number ?? "the call";
  const done = (text) => {
    close();
    notify(text);
    onDone();
  };
  const kind = small ? "button button-icon" : "button";
  const label = (text) => (small ? null : text);
  const end = () => setDialog(html`<${Confirm} title=${isLive(call) ? `Hang up on ${who}?` : `Cancel the call to ${who}?`} confirm=${isLive(call) ? "Hang up" : "Cancel the call"}
    onClose=${close} onConfirm=${async () => {
      await api.post(`/calls/${call.id}/${isLive(call) ? "hangup" : "cancel"}`);
      done(isLive(call) ? "The call has ended." : "The call was cancelled.");
    }}><p>${isLive(call) ? "The call ends at once for both sides." : "It will not be put through."}</p><//>`);
  const cancellable = isLive(call) || call.direction === "outbound";
  return html`<span class="row call-actions">
    ${isLive(call) && html`<${Listen} ...${{ call, api, notify, small }} />
      <button type="button" class=${kind} aria-label="Transfer ${who}" title="Transfer" onClick=${() => setDialog(html`<${Transfer} ...${{ call, api, onClose: close, onDone: done }} />`)}>
        <${Icon} name="transfer" />${label("Transfer")}</button>`}
    ${cancellable && html`<button type="button" class="${kind} ${small ? "" : "button-danger"}" aria-label="${isLive(call) ? "Hang up on" : "Cancel the call to"} ${who}" title=${isLive(call) ? "Hang up" : "Cancel"} onClick=${end}>
      <${Icon} name="hangup" />${label(isLive(call) ? "Hang up" : "Cancel")}</button>`}
    ${dialog}</span>`;
}

/** Listen in, until it is stopped, the call ends or the page is left. */
function Listen({ call, api, notify, small }) {
  const [state, setState] = useState("off");
  const current = useRef(null);
  const gone = useRef(false);
  useEffect(() => () => {
    gone.current = true;
    current.current?.stop();
  }, []);
  const toggle = async () => {
    if (current.current) {
      current.current.stop();
      current.current = null;
      setState("off");
      return;
    }
    setState("starting");
    try {
      const listening = await listenTo(api, call.id, {
        onEnd: (reason) => {
          current.current = null;
          if (gone.current) return;
          setState("off");
          if (reason === "lost") notify("The connection to the call was lost.", "bad");
        },
      });
      if (gone.current) return listening.stop();
      current.current = listening;
      setState("on");
    } catch (error) {
      setState("off");
      notify(error.message, "bad");
    }
  };
  const on = state === "on";
  return html`<button type="button" class="button ${small ? "button-icon" : ""} ${on ? "button-on" : ""}" aria-pressed=${on} disabled=${state === "starting"}
    aria-label="Listen to ${call.phone_number ?? "the call"}" title=${on ? "Stop listening" : "Listen in"} onClick=${toggle}>
    <${Icon} name="headphones" />${!small && (on ? "Stop listening" : "Listen in")}</button>`;
}

const MODES = [{ value: "cold", label: "At once" }, { value: "warm", label: "The agent announces the caller first" }];
const NEXT = [{ value: "complete", label: "Put the caller through now" }, { value: "cancel", label: "Give it up: the caller is back with the agent" }];

/** While the agent speaks with whom a call is transferred to, the same dialog puts the caller through, or takes it back. */
function Transfer({ call, api, onClose, onDone }) {
  const running = call.transfer && !["completed", "failed"].includes(call.transfer.status) ? call.transfer : null;
  const form = useForm({ target: "", mode: "cold" }, async ({ target, mode }) => {
    await api.post(`/calls/${call.id}/transfer`, { target: target.trim(), mode });
    onDone(mode === "warm" ? "The agent calls first, to announce the caller." : "The call is being transferred.");
  });
  const end = useForm({ act: "complete" }, async ({ act }) => {
    await api.post(`/calls/${call.id}/transfer/${act}`);
    onDone(act === "complete" ? "The caller was put through." : "The caller is back with the agent.");
  });
  const title = `Transfer ${call.phone_number ?? "the call"}`;
  if (running) return html`<${Dialog} title=${title} onClose=${onClose}><${Form} form=${end} label="Go on">
    <p>To ${running.target}: ${running.status}.</p>
    <${SelectField} label="What next" ...${end.bind("act")} options=${NEXT} /><//><//>`;
  return html`<${Dialog} title=${title} onClose=${onClose}><${Form} form=${form} label="Transfer">
    <${TextField} label="To" ...${form.bind("target")} placeholder="+15550123" hint="A number, or a sip: address. The agent leaves the call when the other side takes over." required autofocus />
    <${SelectField} label="How" ...${form.bind("mode")} options=${MODES} /><//><//>`;
}
