// The pages there are. The first part of an address names its page; each page's module is loaded when it is
// first opened. A page with `admin` is not offered to the role read.
export const GROUPS = [
  {
    title: "Watch",
    pages: [
      { name: "calls", title: "Calls", icon: "phone", load: () => import("./pages/calls.js") },
    ],
  },
  {
    title: "Build",
    pages: [],
  },
  {
    title: "Settings",
    pages: [
      { name: "users", title: "Users", icon: "users", load: () => import("./pages/users.js") },
    ],
  },
];

/** The page of this name, or undefined. */
export function pageNamed(name) {
  return GROUPS.flatMap((group) => group.pages).find((page) => page.name === name);
}
