// The head of a page and the boxes on it.
import { html } from "../vendor/preact-htm.js";

/** A page: `title`, `lead` (a line under it), `actions` (buttons beside it), `back` ({ href, label }). */
export function PageFrame({ title, lead, actions, back, children }) {
  return html`<article class="page">
    ${back && html`<a class="back" href=${back.href}>‹ ${back.label}</a>`}
    <header class="page-head"><div><h1>${title}</h1>${lead && html`<p class="muted">${lead}</p>`}</div>
      ${actions && html`<div class="page-actions">${actions}</div>`}</header>
    ${children}</article>`;
}

/** A box with a title. */
export function Card({ title, actions, children, flush = false }) {
  return html`<section class="card ${flush ? "card-flush" : ""}">
    ${(title || actions) && html`<header class="card-head"><h2>${title}</h2>${actions}</header>`}
    ${children}</section>`;
}

/** A figure with its name. */
export function Figure({ label, value, note, tone }) {
  return html`<div class="figure ${tone ? `figure-${tone}` : ""}"><span class="figure-label">${label}</span>
    <span class="figure-value">${value}</span>${note && html`<span class="figure-note">${note}</span>`}</div>`;
}

/** Names and values, one pair a line. pairs: [[name, value]]; pairs without a value are left out. */
export function Facts({ pairs }) {
  const known = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return html`<dl class="facts">${known.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** Tabs that are links. tabs: [{ name, title, href }]. */
export function Tabs({ tabs, current, label = "Parts" }) {
  return html`<nav class="tabs" aria-label=${label}>${tabs.map((tab) => html`
    <a href=${tab.href} class=${tab.name === current ? "tab tab-current" : "tab"} aria-current=${tab.name === current ? "page" : undefined}>${tab.title}</a>`)}</nav>`;
}
