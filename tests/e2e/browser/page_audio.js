// Runs in every page before its own scripts: notes what the microphone gives and what the far side's tracks play,
// frame by frame with the page's clock, and lets a test speak when it wants. Nothing here needs a worklet or a
// blob, so that the page's own content security policy stays in force.
(() => {
  const options = window.__pageAudioOptions ?? {};
  const recordings = { heard: [], said: [] };
  const peers = [];
  let voice = null;

  const record = (kind, track) => {
    if (track.kind !== "audio") return;
    const frames = [];
    recordings[kind].push({ frames });
    const reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
    const pump = async () => {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        const samples = new Float32Array(value.numberOfFrames);
        value.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
        frames.push({
          stamp: value.timestamp / 1000,
          at: performance.timeOrigin + performance.now(),
          rate: value.sampleRate,
          samples: Int16Array.from(samples, (s) => Math.max(-32768, Math.min(32767, Math.round(s * 32768)))),
        });
        value.close();
      }
    };
    pump().catch(() => {});
  };

  const Peer = window.RTCPeerConnection;
  window.RTCPeerConnection = class RTCPeerConnection extends Peer {
    constructor(configuration = {}, ...rest) {
      super(options.relayOnly ? { ...configuration, iceTransportPolicy: "relay" } : configuration, ...rest);
      peers.push(this);
      this.addEventListener("track", ({ track }) => record("heard", track));
    }
  };

  const devices = navigator.mediaDevices;
  if (devices) {
    const getUserMedia = devices.getUserMedia.bind(devices);
    devices.getUserMedia = async (constraints) => {
      const stream = await getUserMedia(constraints);
      if (options.scripted) {
        const context = voice?.context ?? new AudioContext({ sampleRate: 48000 });
        const out = context.createMediaStreamDestination();
        out.channelCount = 1;
        const hum = context.createConstantSource(); // without any source the destination gives nothing at all
        hum.offset.value = 0;
        hum.connect(out);
        hum.start();
        voice = { context, out };
        for (const track of stream.getAudioTracks()) {
          stream.removeTrack(track);
          const [spoken] = out.stream.getAudioTracks();
          const stop = spoken.stop.bind(spoken);
          spoken.stop = () => (track.stop(), stop());
          stream.addTrack(spoken);
        }
      }
      stream.getAudioTracks().forEach((track) => record("said", track));
      return stream;
    };
  }

  const bytesOf = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const textOf = (bytes) => {
    let text = "";
    for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
    return btoa(text);
  };

  window.__pageAudio = {
    peers,
    recordings,
    now: () => performance.timeOrigin + performance.now(),
    // Plays 48 kHz samples (base64 of 16-bit) into the scripted microphone; the time at which they begin.
    speak(text) {
      const samples = new Int16Array(bytesOf(text).buffer);
      const buffer = voice.context.createBuffer(1, samples.length, 48000);
      buffer.copyToChannel(Float32Array.from(samples, (s) => s / 32768), 0);
      const source = voice.context.createBufferSource();
      source.buffer = buffer;
      source.connect(voice.out);
      const begun = performance.timeOrigin + performance.now();
      source.start();
      return begun;
    },
    // Every frame of one recorded track as [stamp, arrival, rate, count], and all samples in one piece.
    take(kind, number) {
      const recording = recordings[kind].at(number);
      if (!recording) return null;
      const frames = [...recording.frames];
      const all = new Int16Array(frames.reduce((sum, frame) => sum + frame.samples.length, 0));
      let at = 0;
      for (const frame of frames) {
        all.set(frame.samples, at);
        at += frame.samples.length;
      }
      return {
        frames: frames.map((frame) => [frame.stamp, frame.at, frame.rate, frame.samples.length]),
        samples: textOf(new Uint8Array(all.buffer)),
      };
    },
    // The largest sample of the last frames: cheap enough to be asked again and again.
    loudest(kind, frames) {
      const recent = recordings[kind].at(-1)?.frames.slice(-frames) ?? [];
      return recent.reduce((most, frame) => frame.samples.reduce((m, s) => Math.max(m, Math.abs(s)), most), 0);
    },
  };
})();
