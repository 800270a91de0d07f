// The pages there are. The first part of an address names its page; each page's module is loaded when it is
// first opened. A page with `admin` is not offered to the role read.
export const GROUPS = [
  {
    title: "Watch",
    pages: [
      { name: "live", title: "Live", icon: "activity", load: () => import("./pages/live.js") },
      { name: "calls", title: "Calls", icon: "phone", load: () => import("./pages/calls.js") },
      { name: "rejections", title: "Refused calls", icon: "shield", load: () => import("./pages/rejections.js") },
      { name: "explain", title: "Explain a route", icon: "route", load: () => import("./pages/explain.js") },
    ],
  },
  {
    title: "Build",
    pages: [
      { name: "start", title: "First steps", icon: "play", admin: true, load: () => import("./pages/start.js") },
      { name: "agents", title: "Agents", icon: "agent", load: () => import("./pages/agents.js") },
      { name: "call", title: "Call an agent", icon: "headphones", admin: true, load: () => import("./pages/call_agent.js") },
      { name: "voices", title: "Voices", icon: "microphone", load: () => import("./pages/voices.js") },
      { name: "tools", title: "Tools", icon: "activity", load: () => import("./pages/tools.js") },
      { name: "knowledge", title: "Knowledge", icon: "book", load: () => import("./pages/knowledge.js") },
      { name: "numbers", title: "Numbers", icon: "hash", load: () => import("./pages/numbers.js") },
      { name: "trunks", title: "Trunks", icon: "trunk", load: () => import("./pages/trunks.js") },
      { name: "widgets", title: "Widgets", icon: "copy", load: () => import("./pages/widgets.js") },
      { name: "contacts", title: "Contacts", icon: "people", load: () => import("./pages/contacts.js") },
      { name: "campaigns", title: "Campaigns", icon: "phone", load: () => import("./pages/campaigns.js") },
    ],
  },
  {
    title: "Settings",
    pages: [
      { name: "webhooks", title: "Webhooks", icon: "webhook", load: () => import("./pages/webhooks.js") },
      { name: "keys", title: "API keys", icon: "key", load: () => import("./pages/keys.js") },
      { name: "users", title: "Users", icon: "users", load: () => import("./pages/users.js") },
    ],
  },
];

/** The page of this name, or undefined. */
export function pageNamed(name) {
  return GROUPS.flatMap((group) => group.pages).find((page) => page.name === name);
}
