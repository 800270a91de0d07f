// A part of a page in a module of its own, loaded when it is first needed.
import { html } from "../vendor/preact-htm.js";
import { ErrorState, Loading, useLoad } from "./states.js";

/** Shows what the module that `load()` gives exports by default, with all other properties. Give it a `key`. */
export function Part({ load, ...properties }) {
  const module = useLoad(load);
  if (module.error) return html`<${ErrorState} error=${module.error} onRetry=${module.reload} />`;
  return module.data ? html`<${module.data.default} ...${properties} />` : html`<${Loading} lines=${8} />`;
}
