// Microphone, loudspeaker and the levels of both.

import { CallError, microphoneError } from "./errors.js";

const LEVEL_MS = 66;
const QUIET_DB = -60;

/** A stream of the microphone with this id, or of the default one. Raises `CallError`. */
export async function openMicrophone(deviceId) {
  const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  if (deviceId) audio.deviceId = { exact: deviceId };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (cause) {
    throw microphoneError(cause);
  }
}

/** Microphones and loudspeakers; their names are known once the microphone was allowed. */
export async function listDevices() {
  const all = await navigator.mediaDevices.enumerateDevices();
  const of = (kind) =>
    all.filter((device) => device.kind === kind && device.deviceId).map(({ deviceId, label }) => ({ deviceId, label }));
  return { inputs: of("audioinput"), outputs: canChooseOutput() ? of("audiooutput") : [] };
}

export function canChooseOutput() {
  return "setSinkId" in HTMLMediaElement.prototype;
}

/** Plays the agent. */
export class Loudspeaker {
  #element = new Audio();

  constructor() {
    this.#element.autoplay = true;
    this.#element.setAttribute("playsinline", "");
  }

  /** Raises `CallError` `playback_blocked` when the browser wants a gesture first: then `resume` in one. */
  async play(stream) {
    this.#element.srcObject = stream;
    await this.resume();
  }

  async resume() {
    try {
      await this.#element.play();
    } catch (cause) {
      if (cause.name === "AbortError") return; // another stream has taken its place
      throw new CallError("playback_blocked", "The browser plays sound after a click only.", { fatal: false, cause });
    }
  }

  set volume(value) {
    this.#element.volume = value;
  }

  async choose(deviceId) {
    if (!canChooseOutput()) {
      throw new CallError("output_not_supported", "This browser does not let a page choose the loudspeaker.", { fatal: false });
    }
    try {
      await this.#element.setSinkId(deviceId);
    } catch (cause) {
      throw new CallError("output_failed", "The chosen loudspeaker cannot be used.", { fatal: false, cause });
    }
  }

  close() {
    this.#element.pause();
    this.#element.srcObject = null;
  }
}

/** Measures both sides, from 0 (60 dB below full scale) to 1. Make it within the gesture that starts a call. */
export class LevelMeter {
  #context = new (globalThis.AudioContext ?? globalThis.webkitAudioContext)();
  #sides = {};
  #timer = 0;

  constructor(onLevels) {
    this.#context.resume().catch(() => {});
    this.#timer = setInterval(() => {
      onLevels({ input: this.#level("input"), output: this.#level("output") });
    }, LEVEL_MS);
  }

  measure(side, stream) {
    this.#sides[side]?.source.disconnect();
    const source = this.#context.createMediaStreamSource(stream);
    const analyser = this.#context.createAnalyser();
    analyser.fftSize = 1024;
    source.connect(analyser);
    this.#sides[side] = { source, analyser, samples: new Float32Array(analyser.fftSize) };
  }

  resume() {
    this.#context.resume().catch(() => {});
  }

  close() {
    clearInterval(this.#timer);
    this.#sides = {};
    this.#context.close().catch(() => {});
  }

  #level(side) {
    const measured = this.#sides[side];
    if (!measured) return 0;
    measured.analyser.getFloatTimeDomainData(measured.samples);
    let sum = 0;
    for (const sample of measured.samples) sum += sample * sample;
    const db = 10 * Math.log10(sum / measured.samples.length || 1e-12);
    return Math.min(1, Math.max(0, 1 - db / QUIET_DB));
  }
}
