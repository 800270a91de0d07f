// The frame around every page: navigation at the side, or behind a button on a narrow screen.
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { GROUPS } from "./navigation.js";
import { Icon } from "./components/icon.js";

export function Shell({ route, session, onSignOut, children }) {
  const [open, setOpen] = useState(false);
  const main = useRef(null);
  const arrived = useRef(false);
  useEffect(() => {
    setOpen(false);
    scrollTo(0, 0);
    // Whoever follows a link by keyboard goes on where the new page begins.
    if (arrived.current) main.current?.focus({ preventScroll: true });
    arrived.current = true;
  }, [route.path]);
  useEffect(() => {
    if (!open) return undefined;
    const close = (event) => event.key === "Escape" && setOpen(false);
    addEventListener("keydown", close);
    return () => removeEventListener("keydown", close);
  }, [open]);
  const skip = (event) => {
    event.preventDefault();
    main.current?.focus();
  };
  return html`<div class="shell">
    <a class="skip" href="#main" onClick=${skip}>To the content</a>
    <header class="bar">
      <button type="button" class="button button-icon bar-menu" aria-expanded=${open} aria-controls="navigation"
        aria-label="Menu" onClick=${() => setOpen(!open)}><${Icon} name=${open ? "close" : "menu"} size=${22} /></button>
      <a class="brand" href="#/"><img src="icon.svg" alt="" width="26" height="26" />Trunkline</a>
      <div class="bar-who"><span class="who"><span class="who-name">${session.name}</span>
        <span class="muted small">${session.organization.name}${session.role === "read" ? ", reads only" : ""}</span></span>
        <button type="button" class="button button-icon" aria-label="Sign out" title="Sign out" onClick=${onSignOut}><${Icon} name="logout" /></button></div>
    </header>
    ${open && html`<div class="veil" onClick=${() => setOpen(false)}></div>`}
    <nav id="navigation" class="side ${open ? "side-open" : ""}" aria-label="Pages">
      ${GROUPS.map((group) => html`<${Group} key=${group.title} group=${group} route=${route} session=${session} />`)}
    </nav>
    <main id="main" class="content" tabindex="-1" ref=${main}>${children}</main>
  </div>`;
}

function Group({ group, route, session }) {
  const pages = group.pages.filter((page) => !page.hidden && (!page.admin || session.role === "admin"));
  if (!pages.length) return null;
  return html`<section><h2 class="side-title">${group.title}</h2><ul>${pages.map((page) => html`<li key=${page.name}>
    <a class="side-link ${page.name === route.name ? "side-current" : ""}" href="#/${page.name}"
      aria-current=${page.name === route.name ? "page" : undefined}><${Icon} name=${page.icon} />${page.title}</a></li>`)}</ul></section>`;
}
