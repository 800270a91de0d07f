// What can be done to a call that goes on: hear it, transfer it, end it.
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { Confirm, Dialog } from "../components/dialog.js";
import { Form, TextField, useForm } from "../components/form.js";
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
      ${call.direction !== "webrtc" && html`<button type="button" class=${kind} aria-label="Transfer ${who}" title="Transfer" onClick=${() => setDialog(html`<${Transfer} ...${{ call, api, onClose: close, onDone: done }} />`)}>
        <${Icon} name="transfer" />${label("Transfer")}</button>`}`}
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

function Transfer({ call, api, onClose, onDone }) {
  const form = useForm({ target: "" }, async ({ target }) => {
    await api.post(`/calls/${call.id}/transfer`, { target: target.trim() });
    onDone("The call is being transferred.");
  });
  return html`<${Dialog} title="Transfer ${call.phone_number ?? "the call"}" onClose=${onClose}><${Form} form=${form} label="Transfer">
    <${TextField} label="To" ...${form.bind("target")} placeholder="+15550123" hint="A number, an extension, or a sip: address. The agent leaves the call when the other side takes over." required autofocus /><//><//>`;
}
