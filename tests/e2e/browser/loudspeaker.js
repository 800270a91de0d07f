// Runs in a page before its own scripts: keeps the newest two seconds of what it sends to the loudspeakers.
(() => {
  const kept = { rate: 0, frames: [] };
  const connect = AudioNode.prototype.connect;
  const follow = async (reader) => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      kept.rate = value.sampleRate;
      const planes = [0, 1].map((plane) => {
        const samples = new Float32Array(value.numberOfFrames);
        const planeIndex = Math.min(plane, value.numberOfChannels - 1);
        value.copyTo(samples, { planeIndex, format: "f32-planar" });
        return samples;
      });
      value.close();
      kept.frames.push(planes);
      while (kept.frames.length * planes[0].length > 2 * kept.rate) kept.frames.shift();
    }
  };
  AudioNode.prototype.connect = function (target, ...rest) {
    if (target instanceof AudioDestinationNode) {
      const out = this.context.createMediaStreamDestination();
      connect.call(this, out);
      const [track] = out.stream.getAudioTracks();
      follow(new MediaStreamTrackProcessor({ track }).readable.getReader());
    }
    return connect.call(this, target, ...rest);
  };
  const spelled = (plane) => {
    const samples = Int16Array.from(kept.frames.flatMap((frame) => [...frame[plane]]), (s) => Math.round(s * 32767));
    let text = "";
    for (const byte of new Uint8Array(samples.buffer)) text += String.fromCharCode(byte);
    return btoa(text);
  };
  window.__loudspeaker = { take: () => ({ rate: kept.rate, left: spelled(0), right: spelled(1) }) };
})();
