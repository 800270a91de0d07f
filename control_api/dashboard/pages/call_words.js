// Why a call ended as it did, in words for somebody who has to do something about it.

const FAILURES = {
  "no-answer": ["Nobody answered.", "Let it ring longer (join_timeout), or call again later."],
  busy: ["The line was busy.", "Call again later."],
  "invalid-number": ["The number does not exist, says the carrier.", "Check the number, and how the trunk wants numbers to be written."],
  "agent-error": ["The voice engine could not take the call, or lost it.", "See the timeline for what the engine said, and the agent's own state."],
  rejected: ["The far side refused the call.", "The SIP status beside it is all that it told."],
  "trunk-auth-failed": ["The carrier did not accept our credentials.", "Check user name and password of the trunk, and test it."],
  "trunk-forbidden": ["The carrier forbids this call.", "Check the caller ID, the destinations that the carrier allows, and its list of our addresses."],
  "media-negotiation-failed": ["No codec, or no encryption, that both sides accept.", "Compare the codecs and the encryption of the trunk with what the offer below asks for."],
  "trunk-unavailable": ["The trunk did not answer, or has trouble of its own.", "Test the trunk; the timeline tells which targets were tried."],
  "media-timeout": ["No audio came from the far side.", "A firewall or a private address in its SDP keeps the audio away; see the signalling below."],
  capacity: ["There was no room for the call.", "A limit of the gateway, the trunk or the number was reached."],
  "gateway-error": ["The gateway made a mistake, or was stopped meanwhile.", "See the timeline, and the log of that moment."],
  "caller-hangup": ["The caller hung up before the call was answered.", null],
};

const ENDS = {
  "contact-hangup": "The contact hung up.",
  "agent-hangup": "The agent hung up.",
  "api-hangup": "It was ended from here or over the API.",
  "max-duration": "It reached the longest time that is allowed.",
  inactivity: "Nobody said anything any more.",
  voicemail: "An answering machine took it.",
  shutdown: "The gateway was stopped.",
  transferred: "It was transferred; the agent left it.",
  cancelled: "It was cancelled before it was answered.",
};

const STATES = {
  queued: "It waits to be dialled.",
  ringing: "It rings.",
  "in-progress": "They are talking.",
  cancelled: ENDS.cancelled,
};

/** { headline, trouble, advice } of a call and its leg's quality. */
export function inWords(call, leg) {
  const trouble = leg?.diagnosis ? `Sound: ${leg.diagnosis.text}` : null;
  if (call.status === "failed") {
    const [headline, advice] = FAILURES[call.failure_reason] ?? [`It failed: ${call.failure_reason ?? "nobody knows why"}.`, null];
    const said = call.sip.status && call.sip.status >= 300 ? ` The far side said ${call.sip.status} ${call.sip.reason ?? ""}.` : "";
    return { headline: headline + said, trouble, advice };
  }
  const headline = call.status === "ended" ? ENDS[call.end_reason] ?? "It is over." : STATES[call.status];
  return { headline, trouble, advice: null };
}
