"""From RTP payloads of any packet time to one frame of PCM for each 20 ms: jitter buffer, decoder,
concealment.
"""

from __future__ import annotations

import audioop

from media.codec_concealment import CodecConcealer
from media.codecs import Codec, SelfConcealing
from media.comfort_noise import noise_rms
from media.concealment import cross_fade, mirrored
from media.jitter_buffer import JitterBuffer
from media.pitch_concealment import PitchConcealer
from media.standing_delay import WINDOW_FRAMES, StandingDelay
from media.time_scale import without_a_period

FRAME_MS = 20
# Below this level (about -50 dBFS) a frame may be left out unheard.
QUIET_RMS = 100
# A packet that came so shortly before it is played came nearly too late: two clocks that drift apart would
# soon leave a hole in a word. In quiet a frame is put in before; several such packets are wanted, since one
# may be the stall of a moment.
TIGHT_MS = 3
TIGHT_FRAMES = 3
# So much is left when delay is taken back, clearly more than `TIGHT_MS`, or one would bring about the other.
SPARE_MS = 6
_WINDOW_ENDS = (1, WINDOW_FRAMES - 1)


class InboundAudio:
    """The far party's audio. Call `frame` once every 20 ms."""

    __slots__ = (
        "_buffer",
        "_codec",
        "_concealer",
        "_decode",
        "_frame_bytes",
        "_frame_ticks",
        "_in_speech",
        "_keep",
        "_pending",
        "_rate",
        "_remember",
        "_standing",
        "_take",
        "_tight",
        "_tight_s",
        "_unaligned",
        "frames_repeated",
        "frames_skipped",
        "periods_skipped",
        "put",
    )

    def __init__(self, codec: Codec, max_depth_ms: int) -> None:
        self._codec = codec
        self._frame_bytes = codec.sample_rate * FRAME_MS // 1000 * 2
        self._buffer = JitterBuffer(
            codec.clock_rate, max_depth_ms, codec.ticks, constant_rate=codec.constant_rate
        )
        # sequence, timestamp, payload, when it came (s); False when the payload cannot be of this codec
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
        self._rate = codec.clock_rate
        # More than a frame to spare can be given back; less is the phase between two clocks.
        self._keep = frame_ticks - 1 + codec.clock_rate * SPARE_MS // 1000
        self._standing = StandingDelay(keep=self._keep, ceiling=1 << 62)
        self._tight_s = TIGHT_MS / 1000
        self._tight = 0  # packets that came nearly too late
        self._unaligned = False  # a period was cut out: frames no longer begin where packets do
        self.frames_repeated = 0  # quiet ones, to gain delay
        self.frames_skipped = 0  # quiet ones, to lose delay
        self.periods_skipped = 0  # of a voice that made no pause

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
        self._tight = 0
        self._unaligned = False

    def frame(self, now: float) -> bytes:
        """The next 20 ms as PCM; silence when nothing came. `now` is monotonic seconds."""
        if self._pending:
            return self._reframed(now)
        take, decode = self._take, self._decode
        payload = take(now)
        if not isinstance(payload, bytes):
            self._fill(payload)
            return self._reframed(now)
        pcm = decode(payload)
        if len(pcm) != self._frame_bytes or self._concealer.faded:
            self._append(pcm)
            return self._reframed(now)
        self._remember(pcm)
        standing = self._standing
        buffer = self._buffer
        depth = buffer.depth
        if depth:
            # What is here, and the time for which the next packet has been under way.
            standing.observe(depth + (now - buffer.arrived) * self._rate)
            if standing.excess:
                return self._shorten(pcm, now)
            if standing.watching in _WINDOW_ENDS:
                self._judge_window()
        elif standing.watching:
            standing.reset()
        elif now - buffer.arrived < self._tight_s:
            return self._lengthen(pcm)
        return pcm

    def _reframed(self, now: float) -> bytes:
        """A frame made of packets of another length, or of what is made up for lost ones."""
        frame = self._assembled(now)
        standing = self._standing
        buffer = self._buffer
        waiting = len(self._pending) // 2 * self._rate // self._codec.sample_rate
        spare = buffer.depth + waiting + (now - buffer.arrived) * self._rate
        spare -= max(0, buffer.usual_duration - self._frame_ticks)
        if self._concealer.faded or spare < self._frame_ticks:
            standing.reset()
            if self._unaligned:
                return self._aligned(frame)
            return frame
        standing.observe(spare)
        if standing.excess:
            return self._shorten(frame, now)
        if standing.watching in _WINDOW_ENDS:
            self._judge_window()
        return self._aligned(frame) if self._unaligned else frame

    def _judge_window(self) -> None:
        """With its first frame the need of a window begins; before its last, tell what it left unused."""
        reserve = self._buffer.take_reserve()
        if self._standing.watching > 1:
            self._standing.keep = self._keep + reserve

    def _assembled(self, now: float) -> bytes:
        frame_bytes = self._frame_bytes
        pending = self._pending
        while len(pending) < frame_bytes:
            taken = self._take(now)
            if isinstance(taken, bytes):
                self._append(self._decode(taken))
            else:
                self._fill(taken)
        frame = bytes(pending[:frame_bytes])
        del pending[:frame_bytes]
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

    def _shorten(self, frame: bytes, now: float) -> bytes:
        """Leave out one frame, or in speech one period of the voice, to take back delay that stands, if the
        moment is right.
        """
        quiet = audioop.rms(frame, 2) <= QUIET_RMS
        if self._buffer.depth < self._frame_ticks:
            return frame  # what would follow is not here
        standing = self._standing
        before = standing.excess
        if not standing.may_drop(quiet, self._frame_ticks):
            return frame
        following = self._assembled(now)
        if quiet:
            self.frames_skipped += 1
            return cross_fade(frame, following)
        shorter = without_a_period(frame + following, self._codec.sample_rate)
        cut = (len(frame) + len(following) - len(shorter)) // 2 * self._rate // self._codec.sample_rate
        standing.excess = max(0, before - cut)
        self._pending[:0] = shorter[len(frame) :]
        self._unaligned = True
        self.periods_skipped += 1
        return shorter[: len(frame)]

    def _aligned(self, frame: bytes) -> bytes:
        """In quiet leave out what is less than a frame, so that frames are packets again."""
        if not self._pending:
            self._unaligned = False
        elif len(self._pending) < len(frame) and audioop.rms(frame, 2) <= QUIET_RMS:
            self._unaligned = False
            joined = frame + self._pending
            self._pending.clear()
            return cross_fade(frame, joined[-len(frame) :])
        return frame

    def _lengthen(self, frame: bytes) -> bytes:
        """Put in a frame before a packet comes too late, if it is not heard."""
        self._tight += 1
        if self._tight < TIGHT_FRAMES or audioop.rms(frame, 2) > QUIET_RMS:
            return frame
        self._tight = 0
        self._pending += mirrored(frame)
        self.frames_repeated += 1
        return frame
