// A dialog over the page: it takes the focus, gives it back, and closes with Escape.
import { html, useEffect, useId, useRef, useState } from "../vendor/preact-htm.js";
import { Icon } from "./icon.js";

/** `onClose()` is called when the reader closes it. `actions` are its buttons, at its foot. */
export function Dialog({ title, onClose, actions, wide = false, children }) {
  const element = useRef(null);
  const id = useId();
  useEffect(() => {
    const dialog = element.current;
    const before = document.activeElement;
    dialog.showModal();
    return () => {
      dialog.close();
      before?.focus?.();
    };
  }, []);
  const cancelled = (event) => {
    event.preventDefault();
    onClose();
  };
  return html`<dialog class="dialog ${wide ? "dialog-wide" : ""}" ref=${element} aria-labelledby=${id} onCancel=${cancelled}>
    <header class="dialog-head"><h2 id=${id}>${title}</h2>
      <button type="button" class="button button-icon" aria-label="Close" onClick=${onClose}><${Icon} name="close" /></button></header>
    <div class="dialog-body">${children}</div>
    ${actions && html`<footer class="dialog-foot">${actions}</footer>`}</dialog>`;
}

/** Asks before something that cannot be undone. `onConfirm()` may give a promise; what it throws is shown. */
export function Confirm({ title, confirm = "Delete", danger = true, onConfirm, onClose, children }) {
  const [state, setState] = useState({ busy: false, error: null });
  const go = async () => {
    setState({ busy: true, error: null });
    try {
      await onConfirm();
      onClose();
    } catch (error) {
      setState({ busy: false, error });
    }
  };
  return html`<${Dialog} title=${title} onClose=${onClose} actions=${html`
    <button type="button" class="button" onClick=${onClose}>Cancel</button>
    <button type="button" class="button ${danger ? "button-danger" : "button-main"}" disabled=${state.busy} onClick=${go}>${confirm}</button>`}>
    ${children}${state.error && html`<p class="notice notice-bad" role="alert">${state.error.message}</p>`}<//>`;
}
