// The dashboard: who is signed in, which page is open, and the frame around it.
import { html, render, useCallback, useEffect, useMemo, useState } from "./vendor/preact-htm.js";
import { createApi } from "./api.js";
import { navigate, useRoute } from "./router.js";
import { pageNamed } from "./navigation.js";
import { useFirstRun } from "./first_run.js";
import { Shell } from "./shell.js";
import { SignIn } from "./sign_in.js";
import { Toasts, useToasts } from "./components/toast.js";
import { Empty, ErrorState, Loading } from "./components/states.js";

// Whether somebody has signed in here, so that whoever has not is not asked for a session first.
const SIGNED_IN = "trunkline.signed-in";

function App() {
  const [session, keepSession] = useState(localStorage.getItem(SIGNED_IN) ? undefined : null); // null: nobody; undefined: not known yet
  const setSession = useCallback((known) => {
    if (known) localStorage.setItem(SIGNED_IN, "1");
    else localStorage.removeItem(SIGNED_IN);
    keepSession(known);
  }, []);
  const [failure, setFailure] = useState(null);
  const [toasts, notify] = useToasts();
  const route = useRoute();
  const api = useMemo(() => createApi({ onSignedOut: () => setSession(null) }), []);
  const ask = useCallback(async () => {
    setFailure(null);
    try {
      setSession(await api.get("/session"));
    } catch (error) {
      if (error.status === 401) setSession(null);
      else setFailure(error);
    }
  }, [api]);
  useEffect(() => { if (session === undefined) ask(); }, [ask]);
  const entered = useCallback((opened) => {
    if (linkOf(route)) navigate("/", {}, { replace: true });
    setSession(opened);
  }, [route]);
  useEffect(() => {
    if (session && linkOf(route)) navigate("/", {}, { replace: true }); // in already: the link stays good
  }, [session, route]);
  useFirstRun(api, session);
  const signOut = useCallback(async () => {
    try {
      await api.del("/session");
    } catch (error) {
      if (error.status !== 401) return notify(error.message, "bad");
    }
    setSession(null);
  }, [api]);
  if (failure) return html`<main class="alone"><${ErrorState} error=${failure} onRetry=${ask} /></main>`;
  if (session === undefined) return html`<main class="alone"><${Loading} /></main>`;
  const news = html`<${Toasts} toasts=${toasts} />`;
  if (session === null) return html`<${SignIn} api=${api} link=${linkOf(route)} onSignedIn=${entered} />${news}`;
  return html`<${Shell} route=${route} session=${session} onSignOut=${signOut}>
    <${PageOf} key=${route.name} ...${{ route, session, api, navigate, notify }} /><//>${news}`;
}

/** The token of a link that signs in once: `#/sign-in/TOKEN`. */
function linkOf(route) {
  return route.name === "sign-in" ? route.rest[0] : undefined;
}

/** The page of a route, whose module is loaded when it is first needed. */
function PageOf(properties) {
  const { route, session } = properties;
  const entry = pageNamed(route.name);
  const [state, setState] = useState({});
  const load = useCallback(() => {
    if (!entry) return;
    entry.load().then((module) => setState({ Page: module.default }), (error) => setState({ error }));
  }, [entry]);
  useEffect(load, [load]);
  useEffect(() => { document.title = entry ? `${entry.title} · Trunkline` : "Trunkline"; }, [entry]);
  if (!entry || (entry.admin && session.role !== "admin")) {
    return html`<${Empty} title="There is no such page"><a href="#/">To the first page</a><//>`;
  }
  if (state.error) return html`<${ErrorState} error=${state.error} onRetry=${() => location.reload()} />`;
  return state.Page ? html`<${state.Page} ...${properties} />` : html`<${Loading} lines=${6} />`;
}

const place = document.getElementById("app");
place.replaceChildren();
render(html`<${App} />`, place);
