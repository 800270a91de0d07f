// The page behind a join link. The token is behind the "#", which browsers keep to themselves: it stands in no
// log, no proxy and no Referer. It is good for one call.

import "/widget.js";

const NOTICES = {
  missing: ["This link is not complete", "Open the whole link that you were given."],
  token_unknown: ["This link is not known", "Check that you have the whole link, or ask for a new one."],
  token_used: ["This link was used already", "A link is good for one call. If the call is open in another tab or on another device, go on there; otherwise ask for a new link."],
  token_expired: ["This link has expired", "The call is over, or nobody joined it in time. Ask for a new link."],
  ended: ["The call is over", "You can close this page. For another call, ask for a new link."],
};

const call = document.getElementById("call");
const find = (id) => document.getElementById(id);

function tell(name) {
  const [title, text] = NOTICES[name];
  call.hidden = find("lead").hidden = true;
  find("notice-title").textContent = title;
  find("notice-text").textContent = text;
  find("notice").hidden = false;
}

function tokenOfThePage() {
  const [, , inPath] = location.pathname.split("/"); // "/join/TOKEN"
  if (inPath) history.replaceState(null, "", `/join#${inPath}`); // out of what is sent and logged from now on
  return decodeURIComponent(inPath || location.hash.slice(1));
}

/** Whether the link is good, before anybody is asked for a microphone. */
async function examine(token) {
  const response = await fetch("/api/public/v1/webrtc/ice-servers", {
    headers: { Authorization: `Bearer ${token}` },
    cache: "no-store",
  }).catch(() => null); // the call itself will tell what is wrong with the network
  if (response === null) return null;
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) return Object.hasOwn(NOTICES, answer.error?.code) ? answer.error.code : null;
  if (answer.agent_name) call.setAttribute("agent-name", answer.agent_name);
  return null;
}

async function open() {
  const token = tokenOfThePage();
  if (!/^[\w.~-]+$/.test(token)) return tell("missing");
  const fault = await examine(token);
  if (fault) return tell(fault);
  call.setAttribute("token", token);
  let failed = false; // the widget tells why, and its button may be pressed again
  call.addEventListener("call-error", ({ detail }) => {
    if (Object.hasOwn(NOTICES, detail.code)) tell(detail.code);
    failed ||= detail.fatal !== false;
  });
  call.addEventListener("call-ended", () => {
    if (!failed) tell("ended");
    failed = false;
  });
  call.hidden = false;
}

addEventListener("hashchange", () => location.reload()); // another link, pasted over this one
open();
