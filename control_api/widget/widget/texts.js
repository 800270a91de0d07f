// Every word that the widget shows or speaks. An attribute `text-NAME` on the element puts another in its place;
// `{agent}` stands for the agent's name.

export const TEXTS = {
  start: "Start a call",
  again: "Call again",
  label: "Voice call",
  agent: "Agent",
  you: "You",
  idle: "Ready",
  connecting: "Connecting…",
  listening: "Listening",
  thinking: "Thinking…",
  speaking: "{agent} is speaking",
  reconnecting: "Connection lost. Reconnecting…",
  ended: "Call ended",
  mute: "Mute",
  unmute: "Unmute",
  muted: "Your microphone is off",
  unmuted: "Your microphone is on",
  keypad: "Keypad",
  settings: "Sound settings",
  "hang-up": "Hang up",
  microphone: "Microphone",
  speaker: "Loudspeaker",
  "default-device": "Default",
  volume: "Volume",
  transcript: "Transcript",
  message: "Type a message",
  send: "Send",
  "enable-sound": "Turn sound on",
  "error-microphone-denied": "The microphone is blocked. Allow it for this page in the browser and try again.",
  "error-microphone-not-found": "No microphone was found.",
  "error-microphone-busy": "The microphone is used by another program.",
  "error-microphone-lost": "The microphone was unplugged.",
  "error-insecure": "Calls need a secure page (https).",
  "error-unsupported": "This browser cannot make calls.",
  "error-not-allowed": "Calls are not possible from this page.",
  "error-busy": "Too many calls just now. Try again in a moment.",
  "error-network": "The connection could not be made. Check your network and try again.",
  "error-lost": "The connection was lost.",
  "error-refused": "That did not work.",
  "error-other": "The call could not be made.",
};

const ERRORS = {
  microphone_denied: "error-microphone-denied",
  microphone_not_found: "error-microphone-not-found",
  microphone_busy: "error-microphone-busy",
  microphone_failed: "error-microphone-busy",
  microphone_lost: "error-microphone-lost",
  insecure_context: "error-insecure",
  unsupported_browser: "error-unsupported",
  origin_not_allowed: "error-not-allowed",
  widget_disabled: "error-not-allowed",
  not_found: "error-not-allowed",
  rate_limited: "error-busy",
  unavailable: "error-busy",
  network: "error-network",
  connection_failed: "error-network",
  connection_lost: "error-lost",
};

/** The name of the text for an error of the SDK. */
export function errorText({ code, status, fatal }) {
  if (status === 429 || status === 503) return "error-busy";
  return ERRORS[code] ?? (fatal ? "error-other" : "error-refused");
}

export const textAttributes = Object.keys(TEXTS).map((name) => `text-${name}`);
