// Who may sign in, who is signed in, and one's own password.
import { html, useState } from "../vendor/preact-htm.js";
import { Card, PageFrame } from "../components/page.js";
import { DataTable, usePage } from "../components/table.js";
import { Empty } from "../components/states.js";
import { StatusBadge } from "../components/badge.js";
import { Time } from "../components/time.js";
import { Confirm, Dialog } from "../components/dialog.js";
import { Form, SelectField, TextField, useForm } from "../components/form.js";
import { Icon } from "../components/icon.js";

const ROLES = [
  { value: "admin", label: "admin: may do everything" },
  { value: "read", label: "read: may see everything, change nothing" },
];

export default function Users(properties) {
  const { api, session, notify } = properties;
  const admin = session.role === "admin";
  const [dialog, setDialog] = useState(null);
  const close = () => setDialog(null);
  return html`<${PageFrame} title="Users" lead="Who may sign in to this dashboard." actions=${html`
    ${session.kind === "user" && html`<button type="button" class="button" onClick=${() => setDialog(html`<${OwnPassword} ...${{ api, notify, onClose: close }} />`)}>
      <${Icon} name="key" />Change my password</button>`}`}>
    ${admin && html`<${UserList} ...${properties} />`}
    <${SessionList} ...${properties} />
    ${dialog}<//>`;
}

function UserList({ api, session, notify }) {
  const page = usePage((place, signal) => api.list("/users", place, { signal }));
  const [dialog, setDialog] = useState(null);
  const done = (text) => {
    setDialog(null);
    notify(text);
    page.reload();
  };
  const open = (Kind, user) => setDialog(html`<${Kind} ...${{ api, user, onClose: () => setDialog(null), onDone: done }} />`);
  const columns = [
    { key: "username", title: "Name" },
    { key: "role", title: "Role", render: (user) => html`<${StatusBadge} status=${user.role} tone=${user.role === "admin" ? "good" : "calm"} />` },
    { key: "last_sign_in_at", title: "Last signed in", wide: true, render: (user) => (user.last_sign_in_at ? html`<${Time} value=${user.last_sign_in_at} />` : "never") },
    { key: "actions", title: html`<span class="unseen">Actions</span>`, align: "end", render: (user) => html`
      <button type="button" class="button button-icon" aria-label="Change ${user.username}" title="Change" onClick=${() => open(ChangeUser, user)}><${Icon} name="edit" /></button>
      <button type="button" class="button button-icon" aria-label="Remove ${user.username}" title="Remove" disabled=${user.id === session.user_id}
        onClick=${() => open(RemoveUser, user)}><${Icon} name="trash" /></button>` },
  ];
  return html`<${Card} title="People" flush actions=${html`<button type="button" class="button button-main button-small" onClick=${() => open(NewUser)}><${Icon} name="plus" size=${16} />Add a user</button>`}>
    <${DataTable} caption="Users" columns=${columns} page=${page}
      empty=${html`<${Empty} icon="users" title="No users yet">Whoever has an API key can sign in with it; a user has a password instead, and can be told apart.<//>`} />
    ${dialog}<//>`;
}

function NewUser({ api, onClose, onDone }) {
  const form = useForm({ username: "", password: "", role: "admin" }, async (values) => {
    const user = await api.post("/users", values);
    onDone(`${user.username} can sign in now.`);
  });
  return html`<${Dialog} title="Add a user" onClose=${onClose}><${Form} form=${form} label="Add">
    <${TextField} label="User name" ...${form.bind("username")} autocomplete="off" autocapitalize="none" required />
    <${TextField} label="Password" ...${form.bind("password")} type="password" autocomplete="new-password" hint="10 to 256 characters." required />
    <${SelectField} label="Role" ...${form.bind("role")} options=${ROLES} /><//><//>`;
}

function ChangeUser({ api, user, onClose, onDone }) {
  const form = useForm({ role: user.role, password: "" }, async ({ role, password }) => {
    await api.patch(`/users/${user.id}`, password ? { role, password } : { role });
    onDone(`${user.username} was changed.`);
  });
  return html`<${Dialog} title="Change ${user.username}" onClose=${onClose}><${Form} form=${form}>
    <${SelectField} label="Role" ...${form.bind("role")} options=${ROLES} />
    <${TextField} label="New password" ...${form.bind("password")} type="password" autocomplete="new-password" hint="Empty: as it is. 10 to 256 characters." />
    <p class="muted small">${user.username} will have to sign in again.</p><//><//>`;
}

function RemoveUser({ api, user, onClose, onDone }) {
  const remove = async () => {
    await api.del(`/users/${user.id}`);
    onDone(`${user.username} was removed.`);
  };
  return html`<${Confirm} title="Remove ${user.username}?" confirm="Remove" onConfirm=${remove} onClose=${onClose}>
    <p>${user.username} is signed out at once and cannot sign in any more.</p><//>`;
}

function OwnPassword({ api, notify, onClose }) {
  const form = useForm({ current_password: "", new_password: "" }, async (values) => {
    await api.put("/session/password", values);
    notify("Your password was changed. Your other sessions have ended.");
    onClose();
  });
  return html`<${Dialog} title="Change my password" onClose=${onClose}><${Form} form=${form} label="Change">
    <${TextField} label="Present password" ...${form.bind("current_password")} type="password" autocomplete="current-password" required />
    <${TextField} label="New password" ...${form.bind("new_password")} error=${form.errors.password ?? form.errors.new_password} type="password" autocomplete="new-password" hint="10 to 256 characters." required /><//><//>`;
}

function SessionList({ api, session, notify }) {
  const page = usePage((place, signal) => api.list("/sessions", place, { signal }));
  const end = async (which) => {
    try {
      await api.del(`/sessions/${which.id}`);
      notify(`${which.name} was signed out.`);
      page.reload();
    } catch (error) {
      notify(error.message, "bad");
    }
  };
  const columns = [
    { key: "name", title: "Who", render: (each) => html`${each.name} <span class="muted small">${each.kind === "key" ? "by API key" : ""}${each.current ? " (this one)" : ""}</span>` },
    { key: "seen_at", title: "Last used", render: (each) => html`<${Time} value=${each.seen_at} />` },
    { key: "address", title: "From", wide: true },
    { key: "user_agent", title: "Browser", wide: true, render: (each) => browserName(each.user_agent) },
    ...(session.role === "admin" ? [{ key: "end", title: html`<span class="unseen">Actions</span>`, align: "end", render: (each) => !each.current && html`
      <button type="button" class="button button-small" onClick=${() => end(each)}>Sign out</button>` }] : []),
  ];
  return html`<${Card} title=${session.role === "admin" ? "Signed in now" : "Your sessions"} flush>
    <${DataTable} caption="Sessions" columns=${columns} page=${page} /><//>`;
}

/** "Firefox on Linux" of a browser's own long description. */
function browserName(userAgent) {
  const find = (names) => names.find(([sign]) => userAgent?.includes(sign))?.[1];
  const browser = find([["Edg/", "Edge"], ["Firefox/", "Firefox"], ["Chrome/", "Chrome"], ["Safari/", "Safari"]]);
  const system = find([["Android", "Android"], ["iPhone", "iOS"], ["Windows", "Windows"], ["Mac OS", "macOS"], ["Linux", "Linux"]]);
  if (!browser) return userAgent?.slice(0, 40);
  return system ? `${browser} on ${system}` : browser;
}
