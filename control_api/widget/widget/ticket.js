// How a page comes by the token that joins one call: given, fetched from the page's own server, or asked of
// the gateway for a widget or an open agent.

import { CallError, refusal } from "./errors.js";

const API = "api/public/v1/webrtc/";

/** `fetch`, with one error for "did not get there" (which is all a page learns of a refused origin, too). */
export async function request(url, options = {}) {
  try {
    return await fetch(url, { credentials: "omit", cache: "no-store", ...options });
  } catch (cause) {
    if (cause.name === "AbortError") throw cause;
    throw new CallError("network", "The server cannot be reached, or does not know this page's origin.", { cause });
  }
}

/**
 * The token and where to use it.
 * @returns {Promise<{token: string, base: URL, agentName?: string, callId?: string}>}
 */
export async function takeTicket(options, signal) {
  const base = new URL(options.base);
  if (options.token !== undefined) {
    const given = typeof options.token === "function" ? await options.token() : options.token;
    return typeof given === "string" ? { token: given, base } : read(given, base);
  }
  if (options.joinUrl) return read(options, base);
  const { url, own } = source(options, base);
  const response = await request(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...(own ? options.tokenHeaders : {}) },
    body: JSON.stringify(options.variables ? { variables: options.variables } : {}),
    credentials: own ? "same-origin" : "omit",
    signal,
  });
  if (!response.ok) throw await refusal(response);
  return read(await response.json(), base);
}

function source(options, base) {
  if (options.tokenUrl) return { url: new URL(options.tokenUrl, document.baseURI), own: true };
  const [kind, name] = options.widget ? ["widgets", options.widget] : ["agents", options.agent];
  if (!name) {
    throw new CallError("no_source", "Name a token, joinUrl, tokenUrl, widget or agent.");
  }
  return { url: new URL(`${API}${kind}/${encodeURIComponent(name)}/token`, base), own: false };
}

/** From the gateway's answer, or from `{joinUrl, callId, agentName}` as a page's own server passes it on. */
function read(answer, base) {
  const found = answer.data ?? answer;
  const agentName = found.agent_name ?? found.agentName;
  const callId = found.call_id ?? found.callId;
  const link = found.joinUrl ?? found.join_url;
  if (found.token) return { token: found.token, base, agentName, callId };
  const match = link && /^(.*\/)join[/#]([^/?#]+)/.exec(new URL(link, base).href);
  if (!match) throw new CallError("no_token", "The answer holds neither a token nor a joinUrl of the gateway.");
  return { token: decodeURIComponent(match[2]), base: new URL(match[1]), agentName, callId };
}
