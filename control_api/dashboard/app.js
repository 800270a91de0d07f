// The dashboard: who is signed in, which page is open, and the frame around it.
import { html, render, useCallback, useEffect, useMemo, useState } from "./vendor/preact-htm.js";
import { createApi } from "./api.js";
import { navigate, useRoute } from "./router.js";
import { pageNamed } from "./navigation.js";
import { Shell } from "./shell.js";
import { SignIn } from "./sign_in.js";
import { Toasts, useToasts } from "./components/toast.js";
import { Empty, ErrorState, Loading } from "./components/states.js";

function App() {
  const [session, setSession] = useState(undefined); // null: nobody; undefined: not known yet
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
  useEffect(() => { ask(); }, [ask]);
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
  if (session === null) return html`<${SignIn} api=${api} onSignedIn=${setSession} />${news}`;
  return html`<${Shell} route=${route} session=${session} onSignOut=${signOut}>
    <${PageOf} key=${route.name} ...${{ route, session, api, navigate, notify }} /><//>${news}`;
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
