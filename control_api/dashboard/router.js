// Where the reader is: `#/calls/ID/sip?status=failed` as { path, name, rest, query }. The address behind the
// hash never reaches the server, so that every address of the dashboard is one page to it.
import { useEffect, useState } from "./vendor/preact-htm.js";

export const HOME = "live";

/** The route in a location's hash. */
export function parseRoute(hash) {
  const [path, query = ""] = hash.replace(/^#/, "").split("?", 2);
  const parts = path.split("/").filter(Boolean).map(decoded);
  const [name = HOME, ...rest] = parts;
  return { path: `/${[name, ...rest].map(encodeURIComponent).join("/")}`, name, rest,
    query: Object.fromEntries(new URLSearchParams(query)) };
}

/** The link to a path with a query, to be used as `href`; empty values are left out. */
export function hrefTo(path, query = {}) {
  const kept = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const tail = new URLSearchParams(kept).toString();
  return `#${path}${tail ? `?${tail}` : ""}`;
}

/** Go to a path. `replace` leaves no step in the history: for filters that change while one types. */
export function navigate(path, query = {}, { replace = false } = {}) {
  const target = hrefTo(path, query);
  if (target === location.hash) return;
  if (replace) {
    history.replaceState(null, "", target);
    dispatchEvent(new HashChangeEvent("hashchange"));
  } else {
    location.hash = target;
  }
}

/** The present route; the component is drawn again when it changes. */
export function useRoute() {
  const [route, setRoute] = useState(() => parseRoute(location.hash));
  useEffect(() => {
    const changed = () => setRoute(parseRoute(location.hash));
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return route;
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
