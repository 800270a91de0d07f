// Signing in: by user and password, or by an API key. Both become the same kind of session.
import { html, useEffect, useState } from "./vendor/preact-htm.js";
import { Form, TextField, useForm } from "./components/form.js";

/** `link` is the token of a link that signs in once: it is tried at once. */
export function SignIn({ api, link, onSignedIn }) {
  const [by, setBy] = useState("user");
  const form = useForm({ username: "", password: "", api_key: "" }, async (values) => {
    const wanted = by === "user" ? { username: values.username, password: values.password } : { api_key: values.api_key.trim() };
    onSignedIn(await api.post("/session", wanted));
  });
  const [refusal, setRefusal] = useState(null);
  useEffect(() => {
    if (link) api.post("/session", { link }).then(onSignedIn, () => setRefusal("The link has been used, or is too old. The gateway prints a fresh one when it starts."));
  }, [link]);
  const other = by === "user" ? "key" : "user";
  return html`<main class="alone"><div class="sign-in">
    <p class="brand brand-large"><img src="icon.svg" alt="" width="40" height="40" />Trunkline</p>
    <h1>Sign in</h1>
    ${refusal && html`<p class="notice notice-bad" role="alert">${refusal}</p>`}
    <${Form} form=${form} label="Sign in">
      ${by === "user" ? html`
        <${TextField} key="username" label="User name" ...${form.bind("username")} autocomplete="username" autocapitalize="none" autofocus required />
        <${TextField} key="password" label="Password" ...${form.bind("password")} type="password" autocomplete="current-password" required />` : html`
        <${TextField} key="api_key" label="API key" ...${form.bind("api_key")} type="password" autocomplete="off" spellcheck=${false} required
          hint="As trunkline keys create, or the start of the demonstration, printed it." />`}
    <//>
    <button type="button" class="button button-plain" onClick=${() => setBy(other)}>${by === "user" ? "Use an API key instead" : "Use a user name and password instead"}</button>
  </div></main>`;
}
