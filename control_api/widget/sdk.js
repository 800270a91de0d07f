// Trunkline's browser SDK: one voice call with an agent. Types and events are in sdk.d.ts.

import { CallError } from "./widget/errors.js";
import { Session, withIce } from "./widget/session.js";
import { LevelMeter, Loudspeaker, canChooseOutput, listDevices, openMicrophone } from "./widget/sound.js";
import { takeTicket } from "./widget/ticket.js";

export { CallError, canChooseOutput, listDevices };

const BASE = new URL(".", import.meta.url).href; // the gateway that this file came from
const CONNECT_TIMEOUT_MS = 20_000;
const DISCONNECTED_MS = 1_500; // a moment without checks is no change of network
const RESTART_TIMEOUT_MS = 5_000;
const GIVE_UP_MS = 30_000; // without media
const RETRY_MS = 1_000;

/** A call that `start()` begins, from within a click or a key press. */
export function createCall(options = {}) {
  return new Call(options);
}

export class Call extends EventTarget {
  #options;
  #phase = "new"; // new, starting, active, over
  #state = "idle";
  #session = null;
  #peer = null;
  #answer = "";
  #speaker = null;
  #meter = null;
  #microphone = null;
  #muted = false;
  #volume = 1;
  #outputId = "";
  #lines = new Map();
  #timers = {};
  #restarting = false;
  #lostAt = 0;
  #undo = [];

  constructor(options) {
    super();
    this.#options = { base: BASE, ...options };
    this.agentName = options.agentName ?? null;
    this.callId = null;
  }

  get state() {
    return this.#state;
  }

  get muted() {
    return this.#muted;
  }

  get active() {
    return this.#phase === "starting" || this.#phase === "active";
  }

  /** What was said so far, in order. */
  get transcript() {
    return [...this.#lines.values()].sort((one, other) => one.ordinal - other.ordinal);
  }

  /** Begin the call. Browsers let a page hear and play only after a gesture, so call it within one. */
  async start() {
    if (this.#phase !== "new") throw new CallError("already_started", "A call object is good for one call.");
    this.#phase = "starting";
    try {
      this.#require();
      this.#tell("connecting");
      this.#speaker = new Loudspeaker();
      this.#meter = new LevelMeter((levels) => this.#emit("level", this.#muted ? { ...levels, input: 0 } : levels));
      // The microphone first: who denies it has used up no token.
      this.#microphone = await openMicrophone(this.#options.inputDeviceId);
      this.#still();
      this.#watchMicrophone();
      const ticket = await takeTicket(this.#options);
      this.#still();
      this.agentName = ticket.agentName ?? this.agentName;
      this.callId = ticket.callId ?? null;
      await this.#join(ticket);
    } catch (error) {
      if (this.#phase === "over") return; // ended meanwhile, and told
      const told = error instanceof CallError ? error : new CallError("failed", String(error?.message ?? error), { cause: error });
      this.#fail(told);
      throw told;
    }
  }

  /** End the call. */
  hangUp() {
    this.#end("contact-hangup", { hangUp: true });
  }

  stop() {
    this.hangUp();
  }

  mute(muted = true) {
    this.#muted = Boolean(muted);
    for (const track of this.#microphone?.getAudioTracks() ?? []) track.enabled = !this.#muted;
    this.#emit("muted", { muted: this.#muted, side: "caller", byServer: false });
  }

  unmute() {
    this.mute(false);
  }

  /** Say something in writing. */
  sendText(text) {
    const said = String(text).trim();
    if (said) this.#command({ type: "text", text: said });
  }

  /** Press keys: 0-9, *, #, A-D. */
  sendDigits(digits) {
    const pressed = String(digits).toUpperCase();
    if (!/^[0-9*#A-D]{1,32}$/.test(pressed)) throw new CallError("invalid_digits", "Digits are 0-9, *, # and A-D.", { fatal: false });
    this.#command({ type: "dtmf", digits: pressed });
  }

  /** Take another microphone, from now on. */
  async setInputDevice(deviceId) {
    this.#options.inputDeviceId = deviceId;
    if (!this.#microphone) return;
    const stream = await openMicrophone(deviceId);
    if (!this.active) return stopTracks(stream);
    await this.#peer?.getSenders()[0]?.replaceTrack(stream.getAudioTracks()[0]);
    stopTracks(this.#microphone);
    this.#microphone = stream;
    for (const track of stream.getAudioTracks()) track.enabled = !this.#muted;
    this.#watchMicrophone();
  }

  async setOutputDevice(deviceId) {
    this.#outputId = deviceId;
    await this.#speaker?.choose(deviceId);
  }

  /** From 0 to 1. (On iOS the volume is the device's alone.) */
  setVolume(volume) {
    this.#volume = Math.min(1, Math.max(0, Number(volume) || 0));
    if (this.#speaker) this.#speaker.volume = this.#volume;
  }

  /** After an error `playback_blocked`: play, from within a gesture. */
  async resumePlayback() {
    this.#meter?.resume();
    await this.#speaker?.resume();
  }

  // --- beginning

  #require() {
    if (!globalThis.isSecureContext) {
      throw new CallError("insecure_context", "Browsers give a microphone to pages over https (or on localhost) only.");
    }
    if (!globalThis.RTCPeerConnection || !navigator.mediaDevices?.getUserMedia) {
      throw new CallError("unsupported_browser", "This browser cannot make calls.");
    }
    if (navigator.userActivation && !navigator.userActivation.hasBeenActive) {
      throw new CallError("gesture_required", "Start a call within a click or a key press.");
    }
  }

  async #join(ticket) {
    const session = (this.#session = new Session({
      ...ticket,
      onMessage: (message) => this.#hear(message),
      onGone: () => this.#end("connection-lost"),
    }));
    const { iceServers, agentName } = await session.prepare();
    this.#still();
    this.agentName ??= agentName;
    const peer = (this.#peer = new RTCPeerConnection({
      iceServers: iceServers.map(({ urls, username, credential }) => (username ? { urls, username, credential } : { urls })),
      iceTransportPolicy: this.#options.relayOnly ? "relay" : "all",
      bundlePolicy: "max-bundle",
    }));
    peer.addTrack(this.#microphone.getAudioTracks()[0], this.#microphone);
    peer.ontrack = ({ track, streams }) => this.#play(streams[0] ?? new MediaStream([track]));
    peer.onicecandidate = ({ candidate }) => candidate?.candidate !== "" && session.trickle(candidate, peer.localDescription);
    peer.onconnectionstatechange = () => this.#connection(peer.connectionState);
    await peer.setLocalDescription(await peer.createOffer());
    this.#timers.connect = setTimeout(
      () => this.#fail(new CallError("connection_failed", "No sound could be exchanged with the server; a firewall may be in the way.")),
      CONNECT_TIMEOUT_MS,
    );
    this.#answer = await session.join(peer.localDescription.sdp);
    this.#still();
    await peer.setRemoteDescription({ type: "answer", sdp: this.#answer });
    this.#phase = "active";
    this.#watchPage();
    this.#announceDevices();
  }

  /** Stops a beginning that was hung up meanwhile. */
  #still() {
    if (this.#phase === "over") {
      stopTracks(this.#microphone);
      throw new CallError("ended", "The call was ended.");
    }
  }

  async #play(stream) {
    this.#meter?.measure("output", stream);
    this.#speaker.volume = this.#volume;
    try {
      if (this.#outputId || this.#options.outputDeviceId) {
        await this.#speaker.choose(this.#outputId || this.#options.outputDeviceId);
      }
      await this.#speaker.play(stream);
    } catch (error) {
      if (this.active) this.#emit("error", error);
    }
  }

  #watchMicrophone() {
    const stream = this.#microphone;
    this.#meter?.measure("input", stream);
    for (const track of stream.getAudioTracks()) {
      track.enabled = !this.#muted;
      track.onended = async () => {
        if (!this.active || this.#microphone !== stream) return;
        this.#emit("error", new CallError("microphone_lost", "The microphone was taken away.", { fatal: false }));
        await this.setInputDevice("").catch((error) => this.active && this.#emit("error", Object.assign(error, { fatal: false })));
      };
    }
  }

  #watchPage() {
    const listen = (target, name, act) => {
      if (!target?.addEventListener) return;
      target.addEventListener(name, act);
      this.#undo.push(() => target.removeEventListener(name, act));
    };
    listen(globalThis, "pagehide", () => this.hangUp());
    listen(globalThis, "online", () => this.#networkChanged());
    listen(navigator.connection, "change", () => this.#networkChanged());
    listen(navigator.mediaDevices, "devicechange", () => this.#announceDevices());
  }

  async #announceDevices() {
    const devices = await listDevices().catch(() => null);
    if (devices && this.active) this.#emit("devices", devices);
  }

  // --- while it lasts

  #hear(message) {
    if (this.#phase === "over") return;
    if (message.type === "state") {
      if (message.state === "ended") this.#end(message.reason ?? "ended");
      else this.#tell(message.state, message.reason);
    } else if (message.type === "transcript") {
      const { speaker, text, isFinal, ordinal } = message;
      const key = `${speaker} ${ordinal}`;
      const known = this.#lines.get(key);
      if (known && known.text === text && known.isFinal === isFinal) return; // said again after a reconnect
      this.#lines.set(key, { speaker, text, isFinal, ordinal });
      this.#emit("transcript", { speaker, text, isFinal, ordinal });
    } else if (message.type === "muted") {
      this.#emit("muted", { muted: message.muted, side: message.side, byServer: true });
    } else if (message.type === "error") {
      this.#emit("error", new CallError(message.code ?? "refused", message.message ?? "The server refused it.", { fatal: false }));
    }
  }

  #command(message) {
    if (!this.active || !this.#session) throw new CallError("not_active", "There is no call in progress.", { fatal: false });
    this.#session.send(message);
  }

  #connection(state) {
    clearTimeout(this.#timers.disconnected);
    if (state === "connected") {
      clearTimeout(this.#timers.connect);
      clearTimeout(this.#timers.giveUp);
      if (this.#lostAt) {
        this.#lostAt = 0;
        this.#tell("listening");
        this.#session.reconnect(); // it tells the present state first
      }
    } else if (state === "disconnected") {
      this.#timers.disconnected = setTimeout(() => this.#lost(), DISCONNECTED_MS);
    } else if (state === "failed") {
      this.#lost();
    }
  }

  /** Another way to the server may be better, or the only one, even before the old one is seen to be dead. */
  #networkChanged() {
    if (this.#phase !== "active") return;
    this.#session.reconnect();
    this.#restart();
  }

  #lost() {
    if (this.#phase !== "active") return;
    if (!this.#lostAt) {
      this.#lostAt = Date.now();
      this.#tell("reconnecting");
      this.#timers.giveUp = setTimeout(() => {
        this.#fail(new CallError("connection_lost", "The connection was lost."));
      }, GIVE_UP_MS);
    }
    this.#restart();
  }

  /** ICE restart: new credentials and candidates for the same call. */
  async #restart() {
    if (this.#restarting || this.#phase !== "active") return;
    this.#restarting = true;
    clearTimeout(this.#timers.restart);
    const peer = this.#peer;
    try {
      await peer.setLocalDescription(await peer.createOffer({ iceRestart: true }));
      const part = await within(RESTART_TIMEOUT_MS, this.#session.restart(peer.localDescription.sdp));
      this.#answer = withIce(this.#answer, part);
      await peer.setRemoteDescription({ type: "answer", sdp: this.#answer });
    } catch {
      if (peer.signalingState === "have-local-offer") await peer.setLocalDescription({ type: "rollback" }).catch(() => {});
      if (this.#lostAt) this.#timers.restart = setTimeout(() => this.#restart(), RETRY_MS);
    } finally {
      this.#restarting = false;
    }
  }

  // --- the end

  #fail(error) {
    if (this.#phase === "over") return;
    this.#emit("error", error);
    this.#end(error.code, { hangUp: true });
  }

  #end(reason, { hangUp = false } = {}) {
    if (this.#phase === "over") return;
    this.#phase = "over";
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    for (const undo of this.#undo.splice(0)) undo();
    this.#session?.close({ hangUp });
    this.#peer?.close();
    stopTracks(this.#microphone);
    this.#meter?.close();
    this.#speaker?.close();
    this.#tell("ended", reason);
    this.#emit("ended", { reason });
  }

  #tell(state, reason) {
    if (this.#lostAt && state !== "reconnecting" && state !== "ended") return;
    if (state === this.#state) return;
    this.#state = state;
    this.#emit("state", reason ? { state, reason } : { state });
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

function stopTracks(stream) {
  for (const track of stream?.getTracks() ?? []) {
    track.onended = null;
    track.stop();
  }
}

function within(ms, promise) {
  return Promise.race([
    promise,
    new Promise((_, refuse) => setTimeout(() => refuse(new CallError("timeout", "The server did not answer.")), ms)),
  ]);
}
