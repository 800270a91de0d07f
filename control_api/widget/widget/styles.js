// The widget's looks, as a constructable style sheet: no policy of the page forbids it. What a page may change
// are the variables named --trunkline-*, and the parts.

const CSS = `
:host {
  --accent: var(--trunkline-accent, #1f5fd1);
  --on-accent: var(--trunkline-on-accent, #fff);
  --danger: var(--trunkline-danger, #b3261e);
  --surface: var(--trunkline-surface, #fff);
  --text: var(--trunkline-text, #1b1f27);
  --soft-text: var(--trunkline-soft-text, #545b69);
  --border: var(--trunkline-border, #767d8b);
  --fill: var(--trunkline-fill, #eef1f6);
  --radius: var(--trunkline-radius, 14px);
  display: inline-block;
  inline-size: var(--trunkline-width, 22rem);
  max-inline-size: 100%;
  color: var(--text);
  font: var(--trunkline-font, 400 1rem/1.45 system-ui, sans-serif);
  text-align: start;
}
@media (prefers-color-scheme: dark) {
  :host(:not([theme="light"])) {
    --accent: var(--trunkline-accent, #8ab4ff);
    --on-accent: var(--trunkline-on-accent, #0b1a33);
    --danger: var(--trunkline-danger, #ffb4ab);
    --surface: var(--trunkline-surface, #1a1d23);
    --text: var(--trunkline-text, #eceef2);
    --soft-text: var(--trunkline-soft-text, #b3bac7);
    --border: var(--trunkline-border, #8b93a3);
    --fill: var(--trunkline-fill, #2a2f38);
  }
}
:host([theme="dark"]) {
  --accent: var(--trunkline-accent, #8ab4ff);
  --on-accent: var(--trunkline-on-accent, #0b1a33);
  --danger: var(--trunkline-danger, #ffb4ab);
  --surface: var(--trunkline-surface, #1a1d23);
  --text: var(--trunkline-text, #eceef2);
  --soft-text: var(--trunkline-soft-text, #b3bac7);
  --border: var(--trunkline-border, #8b93a3);
  --fill: var(--trunkline-fill, #2a2f38);
}
:host([hidden]), [hidden] { display: none !important; }
* { box-sizing: border-box; }
.panel {
  background: var(--surface);
  border: 1px solid var(--border);
  border-radius: var(--radius);
  padding: 0.9rem;
  display: grid;
  gap: 0.75rem;
}
.head { display: grid; gap: 0.15rem; } /* one below the other: a longer state moves nothing */
.title { font-weight: 600; overflow-wrap: anywhere; }
.state { color: var(--soft-text); }
.state.live { color: var(--text); }
button, select, input {
  font: inherit;
  color: inherit;
  min-block-size: 2.75rem;
  border-radius: calc(var(--radius) * 0.6);
  border: 1px solid var(--border);
  background: var(--surface);
}
button { cursor: pointer; padding-inline: 0.75rem; display: inline-flex; align-items: center; justify-content: center; gap: 0.5rem; }
button:hover { background: var(--fill); }
button:disabled { cursor: default; opacity: 0.6; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.main { background: var(--accent); border-color: var(--accent); color: var(--on-accent); font-weight: 600; inline-size: 100%; }
.main:hover { background: color-mix(in srgb, var(--accent) 88%, var(--text)); }
.end { background: var(--danger); border-color: var(--danger); color: var(--surface); }
.end:hover { background: color-mix(in srgb, var(--danger) 88%, var(--text)); }
.on { background: var(--text); border-color: var(--text); color: var(--surface); }
.on:hover { background: var(--soft-text); }
.icon { inline-size: 1.25rem; block-size: 1.25rem; flex: none; fill: currentColor; }
.controls { display: grid; grid-template-columns: repeat(4, 1fr); gap: 0.5rem; }
.controls button { flex-direction: column; gap: 0.15rem; padding: 0.4rem 0.2rem; font-size: 0.8rem; line-height: 1.2; overflow-wrap: anywhere; }
.levels { display: grid; grid-template-columns: auto 1fr; gap: 0.3rem 0.6rem; align-items: center; color: var(--soft-text); font-size: 0.85rem; }
.levels > span:not(.track) { max-inline-size: 8rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.track { block-size: 0.5rem; border-radius: 0.25rem; background: var(--fill); overflow: hidden; }
.bar { display: block; block-size: 100%; inline-size: calc(var(--level, 0) * 100%); background: var(--accent); transition: inline-size 80ms linear; }
.transcript { max-block-size: 12rem; overflow-y: auto; display: grid; gap: 0.5rem; margin: 0; padding: 0.25rem; }
.transcript:empty { display: none; }
.line { background: var(--fill); border-radius: calc(var(--radius) * 0.6); padding: 0.4rem 0.6rem; max-inline-size: 90%; justify-self: start; overflow-wrap: anywhere; }
.line.contact { justify-self: end; }
.line.partial { font-style: italic; }
.who { display: block; font-size: 0.75rem; font-style: normal; color: var(--soft-text); }
.keypad { display: grid; grid-template-columns: repeat(3, 1fr); gap: 0.4rem; direction: ltr; }
.keypad button { font-size: 1.15rem; font-variant-numeric: tabular-nums; }
.settings { display: grid; gap: 0.6rem; }
.settings label { display: grid; gap: 0.2rem; font-size: 0.85rem; color: var(--soft-text); }
.settings select { inline-size: 100%; color: var(--text); padding-inline: 0.5rem; }
.settings input { min-block-size: 1.75rem; accent-color: var(--accent); inline-size: 100%; margin: 0; }
.write { display: flex; gap: 0.5rem; }
.write input { flex: 1; min-inline-size: 0; padding-inline: 0.6rem; }
.write input::placeholder { color: var(--soft-text); opacity: 1; }
.error { color: var(--danger); margin: 0; }
.error:empty { display: none; }
.unseen { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
:host([dir="rtl"]) .write .icon, .write .icon:dir(rtl) { transform: scaleX(-1); }
@media (prefers-reduced-motion: no-preference) {
  .state.live::before { content: "●"; margin-inline-end: 0.35em; color: var(--accent); animation: breathe 1.6s ease-in-out infinite; }
  @keyframes breathe { 50% { opacity: 0.3; } }
}
@media (prefers-reduced-motion: reduce) { .bar { transition: none; } }
@media (forced-colors: active) { .bar { background: Highlight; } .track { border: 1px solid CanvasText; } }
`;

export const sheet = new CSSStyleSheet();
sheet.replaceSync(CSS);
