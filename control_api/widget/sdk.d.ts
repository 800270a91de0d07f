/** Trunkline's browser SDK: one voice call with an agent. */

export type CallState =
  | "idle"
  | "connecting"
  | "listening"
  | "thinking"
  | "speaking"
  | "reconnecting"
  | "ended";

export interface Ticket {
  token?: string;
  joinUrl?: string;
  callId?: string;
  agentName?: string;
}

export interface CallOptions {
  /** The gateway, when it is not where this file came from: `https://voice.example/`. */
  base?: string;
  /** A token for one call, or a function that fetches one when the call starts. */
  token?: string | (() => string | Ticket | Promise<string | Ticket>);
  /** The `joinUrl` of `POST /webrtc/call`. */
  joinUrl?: string;
  /** An address of your own server, which answers POST with `{joinUrl}` or `{token}`. */
  tokenUrl?: string;
  /** Headers of the request to `tokenUrl`, such as a CSRF token. */
  tokenHeaders?: Record<string, string>;
  /** The public id of a widget. */
  widget?: string;
  /** The id or public name of an agent that is open to visitors. */
  agent?: string;
  /** What the page says about its visitor; only names that the widget's owner allows. */
  variables?: Record<string, string>;
  agentName?: string;
  inputDeviceId?: string;
  outputDeviceId?: string;
  /** Use TURN servers only. */
  relayOnly?: boolean;
}

export interface TranscriptLine {
  speaker: "agent" | "contact";
  text: string;
  isFinal: boolean;
  ordinal: number;
}

export interface Device {
  deviceId: string;
  label: string;
}

export interface Devices {
  inputs: Device[];
  /** Empty where the browser does not let a page choose the loudspeaker. */
  outputs: Device[];
}

export type ErrorCode =
  | "insecure_context"
  | "unsupported_browser"
  | "gesture_required"
  | "microphone_denied"
  | "microphone_not_found"
  | "microphone_busy"
  | "microphone_failed"
  | "microphone_lost"
  | "playback_blocked"
  | "output_not_supported"
  | "output_failed"
  | "no_source"
  | "no_token"
  | "token_refused"
  | "token_used"
  | "origin_not_allowed"
  | "widget_disabled"
  | "not_found"
  | "rate_limited"
  | "agent_unavailable"
  | "unavailable"
  | "network"
  | "connection_failed"
  | "connection_lost"
  | "invalid_digits"
  | "not_active"
  | "already_started"
  | (string & {});

export class CallError extends Error {
  readonly code: ErrorCode;
  /** HTTP status, 0 where there was none. */
  readonly status: number;
  /** Seconds after which it may succeed, 0 where that is not known. */
  readonly retryAfter: number;
  /** Whether the call is over because of it. */
  readonly fatal: boolean;
}

export interface CallEvents {
  state: CustomEvent<{ state: CallState; reason?: string }>;
  transcript: CustomEvent<TranscriptLine>;
  /** About fifteen times a second, each from 0 to 1. */
  level: CustomEvent<{ input: number; output: number }>;
  /** The visitor's own mute; `byServer`: somebody muted a side of the call by the API. */
  muted: CustomEvent<{ muted: boolean; side: "caller" | "agent"; byServer: boolean }>;
  devices: CustomEvent<Devices>;
  error: CustomEvent<CallError>;
  ended: CustomEvent<{ reason: string }>;
}

export class Call extends EventTarget {
  constructor(options: CallOptions);
  readonly state: CallState;
  readonly muted: boolean;
  readonly active: boolean;
  readonly agentName: string | null;
  readonly callId: string | null;
  readonly transcript: TranscriptLine[];

  /** Begin, from within a click or a key press. Rejects with a `CallError` when it could not. */
  start(): Promise<void>;
  hangUp(): void;
  /** The same as `hangUp`. */
  stop(): void;
  mute(muted?: boolean): void;
  unmute(): void;
  sendText(text: string): void;
  sendDigits(digits: string): void;
  setInputDevice(deviceId: string): Promise<void>;
  setOutputDevice(deviceId: string): Promise<void>;
  /** From 0 to 1. */
  setVolume(volume: number): void;
  /** After `playback_blocked`, from within a click. */
  resumePlayback(): Promise<void>;

  addEventListener<Name extends keyof CallEvents>(
    name: Name,
    listener: (event: CallEvents[Name]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<Name extends keyof CallEvents>(
    name: Name,
    listener: (event: CallEvents[Name]) => void,
    options?: boolean | EventListenerOptions,
  ): void;
}

export function createCall(options: CallOptions): Call;
export function listDevices(): Promise<Devices>;
export function canChooseOutput(): boolean;
