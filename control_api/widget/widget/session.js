// Signalling of one call: offer and answer over HTTP (RFC 9725), trickled candidates and ICE restarts as
// fragments of SDP (RFC 8840), events and commands over a WebSocket that comes back by itself.

import { CallError, refusal } from "./errors.js";
import { request } from "./ticket.js";

const API = "api/public/v1/webrtc/";
const FRAGMENT = "application/trickle-ice-sdpfrag";
const TRICKLE_MS = 50; // candidates that come within this time go in one request
const SOCKET_RETRY_MS = [100, 250, 500, 1000, 2000];
const MAX_WAITING = 32; // commands kept while the socket is away; the oldest is dropped

export class Session {
  #base;
  #token;
  #url = null;
  #etag = null;
  #socket = null;
  #retries = 0;
  #retry = 0;
  #waiting = [];
  #candidates = [];
  #description = null;
  #trickle = 0;
  #closed = false;

  /** `onMessage` gets each event of the call; `onGone` is told when the server knows the session no more. */
  constructor({ base, token, onMessage, onGone }) {
    this.#base = base;
    this.#token = token;
    this.onMessage = onMessage;
    this.onGone = onGone;
  }

  get joined() {
    return this.#url !== null;
  }

  /** STUN and TURN servers, and the agent's name; does not use the token up. */
  async prepare() {
    const response = await request(new URL(API + "ice-servers", this.#base), {
      headers: { Authorization: `Bearer ${this.#token}` },
    });
    if (!response.ok) throw await refusal(response);
    const answer = await response.json();
    const { ice_servers: iceServers = [], agent_name: agentName = null } = answer.data ?? answer;
    return { iceServers, agentName };
  }

  /** Uses the token up. The server's SDP. */
  async join(offer) {
    const sessions = new URL(API + "sessions", this.#base);
    const response = await request(sessions, {
      method: "POST",
      headers: { "Content-Type": "application/sdp", Authorization: `Bearer ${this.#token}` },
      body: offer,
    });
    if (response.status !== 201) throw await refusal(response);
    const location = response.headers.get("Location");
    if (!location) throw new CallError("protocol", "The server named no session.");
    this.#url = new URL(location, sessions);
    this.#etag = response.headers.get("ETag");
    if (this.#closed) {
      this.#delete();
    } else {
      this.#trickleSoon();
      this.#connect();
    }
    return response.text();
  }

  /** A candidate of ours, null after the last one. The server is ICE-lite and manages without. */
  trickle(candidate, description) {
    this.#candidates.push(candidate ? `a=${candidate.candidate}` : "a=end-of-candidates");
    this.#description = description;
    if (this.#url) this.#trickleSoon(); // else with the answer
  }

  #trickleSoon() {
    if (this.#trickle || this.#closed || !this.#candidates.length) return;
    this.#trickle = setTimeout(() => {
      this.#trickle = 0;
      const body = fragment(this.#description.sdp, this.#candidates.splice(0));
      const headers = { "Content-Type": FRAGMENT };
      if (this.#etag) headers["If-Match"] = this.#etag;
      request(this.#url, { method: "PATCH", headers, body }).catch(() => {});
    }, TRICKLE_MS);
  }

  /** New ICE credentials for the same call; the server's fragment. */
  async restart(offer) {
    this.#candidates = [];
    const response = await request(this.#url, {
      method: "PATCH",
      headers: { "Content-Type": FRAGMENT, "If-Match": "*" },
      body: fragment(offer, []),
    });
    if (response.status === 404 || response.status === 410) this.#gone();
    if (!response.ok) throw await refusal(response);
    this.#etag = response.headers.get("ETag") ?? this.#etag;
    return response.text();
  }

  /** Sent now, or when the socket is back. */
  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) {
      this.#socket.send(JSON.stringify(message));
      return;
    }
    this.#waiting.push(message);
    if (this.#waiting.length > MAX_WAITING) this.#waiting.shift();
  }

  /** Have the socket tried again at once, as after a change of network. */
  reconnect() {
    if (this.#closed || !this.#url) return;
    this.#retries = 0;
    this.#connect();
  }

  /** Over. `hangUp`: tell the server, even from a page that is being left. */
  close({ hangUp }) {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retry);
    clearTimeout(this.#trickle);
    // Both ways: from a page that is being left, only the socket may still get through.
    if (hangUp && this.#socket?.readyState === WebSocket.OPEN) this.#socket.send('{"type":"hangup"}');
    this.#drop();
    if (hangUp && this.#url) this.#delete();
  }

  #delete() {
    request(this.#url, { method: "DELETE", keepalive: true }).catch(() => {});
  }

  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #connect() {
    clearTimeout(this.#retry);
    this.#drop();
    const url = new URL(this.#url.href + "/socket");
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = (this.#socket = new WebSocket(url));
    socket.onopen = () => {
      this.#retries = 0;
      for (const message of this.#waiting.splice(0)) socket.send(JSON.stringify(message));
    };
    socket.onmessage = ({ data }) => {
      let message;
      try {
        message = JSON.parse(data);
      } catch {
        return; // not an event of ours
      }
      this.onMessage(message);
    };
    socket.onclose = ({ code }) => {
      this.#socket = null;
      if (this.#closed) return;
      if (code === 4404 || code === 4410) return this.#gone();
      const wait = SOCKET_RETRY_MS[Math.min(this.#retries++, SOCKET_RETRY_MS.length - 1)];
      this.#retry = setTimeout(() => this.#connect(), wait);
    };
  }

  #gone() {
    this.close({ hangUp: false });
    this.onGone();
  }
}

/** What of an offer an ICE agent has to know, with `lines` of candidates. */
function fragment(sdp, lines) {
  const find = (name) => new RegExp(`^a=${name}:.*$`, "m").exec(sdp)?.[0].trim();
  const media = /^m=.*$/m.exec(sdp)?.[0].trim();
  return [find("ice-ufrag"), find("ice-pwd"), media, find("mid"), ...lines, ""].filter((line) => line !== undefined).join("\r\n");
}

/** The last answer of the server with the ICE credentials and candidates of a fragment in place of its own. */
export function withIce(answer, part) {
  const lines = part.split(/\r?\n/);
  const credentials = lines.filter((line) => /^a=ice-(ufrag|pwd):/.test(line));
  if (credentials.length < 2) throw new CallError("protocol", "The server's answer holds no ICE credentials.");
  const candidates = lines.filter((line) => /^a=(candidate:|end-of-candidates)/.test(line));
  const kept = answer.split(/\r?\n/).filter((line) => line && !/^a=(ice-(ufrag|pwd):|candidate:|end-of-candidates)/.test(line));
  const media = kept.findIndex((line) => line.startsWith("m="));
  const after = media + 1 + (kept[media + 1]?.startsWith("c=") ? 1 : 0);
  kept.splice(after, 0, ...credentials, ...candidates);
  return kept.join("\r\n") + "\r\n";
}
