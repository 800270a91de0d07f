"""From RTP payloads of any packet time to one frame of PCM for each 20 ms: jitter buffer, decoder,
concealment.
"""

from __future__ import annotations

import audioop

from media.codec_concealment import CodecConcealer
from media.codecs import Codec, SelfConcealing
from media.comfort_noise import noise_rms
from media.concealment import cross_fade
from media.jitter_buffer import JitterBuffer
from media.pitch_concealment import PitchConcealer
from media.standing_delay import StandingDelay

FRAME_MS = 20
# Below this level (about -50 dBFS) a frame may be left out unheard.
QUIET_RMS = 100


class InboundAudio:
    """The far party's audio. Call `frame` once every 20 ms."""

    __slots__ = (
        "_buffer",
        "_codec",
        "_concealer",
        "_decode",
        "_frame_bytes",
        "_frame_ticks",
        "_pending",
        "_remember",
        "_standing",
        "_take",
        "frames_skipped",
        "put",
    )

    def __init__(self, codec: Codec, max_depth_ms: int) -> None:
        self._codec = codec
        self._frame_bytes = codec.sample_rate * FRAME_MS // 1000 * 2
        self._buffer = JitterBuffer(
            codec.clock_rate, max_depth_ms, codec.ticks, constant_rate=codec.constant_rate
        )
        # sequence, timestamp, payload; False when the payload cannot be of this codec
        self.put = self._buffer.put
        self._take = self._buffer.take
        self._decode = codec.decode
        self._concealer: PitchConcealer | CodecConcealer = (
            CodecConcealer(codec, codec.sample_rate)
            if isinstance(codec, SelfConcealing)
            else PitchConcealer(codec.sample_rate)
        )
        self._remember = self._concealer.remember
        self._pending = bytearray()  # decoded, not yet a whole frame
        frame_ticks = codec.clock_rate * FRAME_MS // 1000
        self._frame_ticks = frame_ticks
        # Less than one frame left after each one taken is the phase between two clocks, not delay.
        self._standing = StandingDelay(keep=frame_ticks - 1, ceiling=1 << 62)
        self.frames_skipped = 0

    @property
    def codec(self) -> Codec:
        """The codec, for its counters."""
        return self._codec

    @property
    def buffer(self) -> JitterBuffer:
        """The jitter buffer, for its counters."""
        return self._buffer

    @property
    def frames_concealed(self) -> int:
        return self._concealer.frames_concealed

    def skip(self, sequence: int) -> None:
        """A packet of this sequence came that holds no audio (a key, comfort noise): it is not missing."""
        self._buffer.skip(sequence)

    def comfort_noise(self, sequence: int, payload: bytes) -> None:
        """The far party pauses and tells what its silence sounds like (RFC 3389)."""
        self._buffer.skip(sequence)
        self._concealer.announce(noise_rms(payload))

    def reset(self) -> None:
        """Another stream begins (new SSRC)."""
        self._buffer.reset()
        self._pending.clear()
        self._standing.reset()

    def frame(self) -> bytes:
        """The next 20 ms as PCM; silence when nothing came."""
        if self._pending:
            return self._reframed()
        take, decode = self._take, self._decode
        payload = take()
        if not isinstance(payload, bytes):
            self._fill(payload)
            return self._reframed()
        pcm = decode(payload)
        if len(pcm) != self._frame_bytes or self._concealer.faded:
            self._append(pcm)
            return self._reframed()
        self._remember(pcm)
        standing = self._standing
        depth = self._buffer.depth
        if depth:
            standing.observe(depth)
            if standing.excess:
                return self._shorten(pcm)
        elif standing.watching:
            standing.reset()
        return pcm

    def _reframed(self) -> bytes:
        """A frame made of packets of another length, or of what is made up for lost ones."""
        frame_bytes = self._frame_bytes
        pending = self._pending
        while len(pending) < frame_bytes:
            taken = self._take()
            if isinstance(taken, bytes):
                self._append(self._decode(taken))
            else:
                self._fill(taken)
        frame = bytes(pending[:frame_bytes])
        del pending[:frame_bytes]
        depth = self._buffer.depth
        if depth:
            self._standing.observe(depth)
        else:
            self._standing.reset()
        return frame

    def _append(self, pcm: bytes) -> None:
        if self._concealer.faded:
            pcm = self._concealer.resume(pcm)
        self._remember(pcm)
        self._pending += pcm

    def _fill(self, gap: int | None) -> None:
        """A gap of known length, or nothing there: make up for what this frame lacks."""
        if gap is None:
            self._pending += self._concealer.conceal(self._frame_bytes - len(self._pending))
        else:
            lacking = gap * self._codec.sample_rate // self._codec.clock_rate * 2
            self._pending += self._concealer.conceal(lacking, self._buffer.peek())

    def _shorten(self, frame: bytes) -> bytes:
        """Leave out one frame to take back delay that stands, if the moment is right."""
        if not self._standing.may_drop(audioop.rms(frame, 2) <= QUIET_RMS, self._frame_ticks):
            return frame
        following = self.frame()
        self.frames_skipped += 1
        return cross_fade(frame, following)
