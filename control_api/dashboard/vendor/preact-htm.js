// The one module that pages import for templates and state: Preact, its hooks and htm bound to it.
import { h } from "./preact.js";
import htm from "./htm.js";

export { h, render, Fragment, createContext, createRef, toChildArray } from "./preact.js";
export * from "./preact-hooks.js";
export const html = htm.bind(h);
