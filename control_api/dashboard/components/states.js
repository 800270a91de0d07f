// What a part of a page shows when it has nothing to show yet, has nothing at all, or could not get it.
import { html, useCallback, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { Icon } from "./icon.js";

/** Grey lines in the place of what is coming, so that nothing jumps when it is there. */
export function Loading({ lines = 3, label = "Loading" }) {
  return html`<div class="loading" role="status" aria-label=${label}>
    ${Array.from({ length: lines }, () => html`<span class="loading-line"></span>`)}</div>`;
}

/** Nothing there. `children` says what to do about it. */
export function Empty({ icon = "search", title, children }) {
  return html`<div class="state"><${Icon} name=${icon} size=${32} /><h2>${title}</h2>
    ${children && html`<div class="state-text">${children}</div>`}</div>`;
}

/** It could not be had. `error` is an `ApiError` or any other `Error`. */
export function ErrorState({ error, onRetry }) {
  return html`<div class="state state-error" role="alert"><${Icon} name="warning" size=${32} />
    <h2>${error.status === 404 ? "Not found" : "That did not work"}</h2>
    <p class="state-text">${error.message}</p>
    ${error.requestId && html`<p class="muted small">Request <code>${error.requestId}</code></p>`}
    ${onRetry && html`<button type="button" class="button" onClick=${onRetry}>Try again</button>`}</div>`;
}

/**
 * Loads something: `load(signal)` gives a promise. Returns { data, error, busy, reload }. What was loaded stays
 * while it is loaded anew with other `inputs`, and answers that come too late are dropped.
 */
export function useLoad(load, inputs = []) {
  const [state, setState] = useState({ data: undefined, error: null, busy: true });
  const latest = useRef(null);
  const reload = useCallback(async () => {
    latest.current?.abort();
    const control = new AbortController();
    latest.current = control;
    setState((before) => ({ ...before, busy: true }));
    try {
      const data = await load(control.signal);
      if (!control.signal.aborted) setState({ data, error: null, busy: false });
    } catch (error) {
      if (!control.signal.aborted) setState((before) => ({ ...before, error, busy: false }));
    }
  }, inputs);
  useEffect(() => {
    reload();
    return () => latest.current?.abort();
  }, [reload]);
  return { ...state, reload };
}

/** Shows what `useLoad` gave: `children` is a function of the data. */
export function Loaded({ state, lines, children }) {
  if (state.data === undefined) {
    return state.error ? html`<${ErrorState} error=${state.error} onRetry=${state.reload} />` : html`<${Loading} lines=${lines} />`;
  }
  return children(state.data);
}
