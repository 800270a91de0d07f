// Plays 16-bit stereo PCM that comes in pieces. What waits is kept short: whoever listens live wants to hear what
// is said now.

const START_S = 0.2; // as much must be there before it begins, so that a late piece is not heard
const LONGEST_S = 1.0; // more than this is skipped

class PcmPlayer extends AudioWorkletProcessor {
  constructor() {
    super();
    this.sourceRate = 8_000;
    this.pieces = [];
    this.frames = 0; // that wait
    this.place = 0; // in the first piece, in frames of the source
    this.playing = false;
    this.port.onmessage = ({ data }) => this.take(data);
  }

  take(data) {
    if (!(data instanceof ArrayBuffer)) {
      this.sourceRate = data.sampleRate;
      this.pieces = [];
      this.frames = this.place = 0;
      return;
    }
    this.pieces.push(new Int16Array(data));
    this.frames += data.byteLength / 4;
    while (this.frames - this.place > LONGEST_S * this.sourceRate && this.pieces.length > 1) this.drop();
  }

  drop() {
    const frames = this.pieces.shift().length / 2;
    this.frames -= frames;
    this.place = Math.max(0, this.place - frames);
  }

  process(inputs, [[left, right]]) {
    const waiting = this.frames - this.place;
    if (!this.playing && waiting < START_S * this.sourceRate) return true;
    this.playing = true;
    const step = this.sourceRate / sampleRate;
    for (let index = 0; index < left.length; index += 1) {
      while (this.pieces.length && this.place >= this.pieces[0].length / 2) this.drop();
      if (!this.pieces.length) {
        this.playing = false;
        return true;
      }
      const [piece] = this.pieces;
      const at = Math.floor(this.place);
      const share = this.place - at;
      const next = 2 * at + 2 < piece.length ? 2 * at + 2 : 2 * at;
      left[index] = (piece[2 * at] * (1 - share) + piece[next] * share) / 32_768;
      right[index] = (piece[2 * at + 1] * (1 - share) + piece[next + 1] * share) / 32_768;
      this.place += step;
    }
    return true;
  }
}

registerProcessor("pcm-player", PcmPlayer);
