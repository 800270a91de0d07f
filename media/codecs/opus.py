"""Opus as RTP carries it (RFC 7587): an RTP clock of 48000 Hz whatever the audio, here speech at 16 kHz.

The peer's format parameters (RFC 7587, section 6.1) say how it wants to be sent to; they are read here and
nowhere else in the media plane.
"""

from __future__ import annotations

from dataclasses import dataclass

from media.codecs.libopus import Decoder, Encoder, OpusError, has_fec

CLOCK_RATE = 48_000
SAMPLE_RATE = 16_000
_TICKS_PER_SAMPLE = CLOCK_RATE // SAMPLE_RATE
# Measured on speech, per 20 ms frame: 32 kbit/s at complexity 1 costs 50 us and is as near to the original
# as 24 kbit/s at complexity 8, which costs five times as much; below about 28 kbit/s the encoder falls back
# to narrowband when it has to send each frame twice. Half the bits of G.711 are cheaper than the cycles.
BIT_RATE = 32_000
COMPLEXITY = 1
MIN_BIT_RATE = 6_000  # RFC 7587, section 6.1
# What the second description of a frame is made for, until the peer's reports tell better.
EXPECTED_LOSS_PERCENT = 10
# The decoder's own concealment goes by steps of 2.5 ms; one call makes up 20 ms, as it was tuned for.
_STEP = SAMPLE_RATE // 400
_CONCEAL = SAMPLE_RATE // 50
_MAX_TICKS = CLOCK_RATE * 120 // 1000
# A packet of at most so many bytes says that nothing need be sent.
_DTX_BYTES = 2


def _frame_ticks() -> tuple[int, ...]:
    """Ticks of one frame by the configuration number in the first byte (RFC 6716, section 3.1, table 2)."""
    silk = [480, 960, 1920, 2880] * 3
    hybrid = [480, 960] * 2
    celt = [120, 240, 480, 960] * 4
    return tuple(silk + hybrid + celt)


_FRAME_TICKS = _frame_ticks()


@dataclass(frozen=True, slots=True)
class OpusPreferences:
    """How a peer wants to be sent to."""

    fec: bool = False
    dtx: bool = False
    constant_bit_rate: bool = False
    playback_rate: int = CLOCK_RATE  # Hz
    bit_rate: int = BIT_RATE  # at most, bit/s

    @classmethod
    def parse(cls, fmtp: str) -> OpusPreferences:
        """From the text of an `a=fmtp` line; what is missing or unreadable has the default of RFC 7587."""
        given: dict[str, int] = {}
        for parameter in fmtp.split(";"):
            name, _, value = parameter.partition("=")
            value = value.strip()
            if value.isascii() and value.isdigit() and len(value) <= 9:
                given.setdefault(name.strip().lower(), int(value))
        return cls(
            fec=given.get("useinbandfec", 0) == 1,
            dtx=given.get("usedtx", 0) == 1,
            constant_bit_rate=given.get("cbr", 0) == 1,
            playback_rate=given.get("maxplaybackrate", CLOCK_RATE),
            bit_rate=max(MIN_BIT_RATE, min(BIT_RATE, given.get("maxaveragebitrate", BIT_RATE))),
        )


class Opus:
    """One leg's Opus."""

    name = "OPUS"
    clock_rate = CLOCK_RATE
    sample_rate = SAMPLE_RATE
    constant_rate = False

    def __init__(self, preferences: OpusPreferences | None = None) -> None:
        """Raises `OpusError` when there is no libopus."""
        wanted = preferences or OpusPreferences()
        self._encoder = Encoder(SAMPLE_RATE)
        self._encoder.configure(
            bit_rate=wanted.bit_rate, complexity=COMPLEXITY, variable=not wanted.constant_bit_rate
        )
        self._encoder.limit_bandwidth(wanted.playback_rate)
        self._encoder.set_fec(wanted.fec, EXPECTED_LOSS_PERCENT if wanted.fec else 0)
        # Discontinuous transmission and equal packets exclude each other; the encoder would take the former.
        self._discontinuous = wanted.dtx and not wanted.constant_bit_rate
        self._encoder.set_dtx(self._discontinuous)
        self._decoder = Decoder(SAMPLE_RATE)
        self._encode = self._encoder.encode
        self._decode = self._decoder.decode
        self.damaged = 0  # packets that could not be decoded and were concealed instead
        self.recovered = 0  # losses of which the packet behind told

    def decode(self, payload: bytes) -> bytes:
        try:
            return self._decode(payload)
        except OpusError:
            self.damaged += 1
            return self.conceal(self.ticks(payload) // _TICKS_PER_SAMPLE)

    def encode(self, pcm: bytes | bytearray) -> bytes:
        """Raises `OpusError` when the PCM lasts neither 10, 20, 40 nor 60 ms."""
        payload = self._encode(bytes(pcm), len(pcm) // 2)
        if self._discontinuous and len(payload) <= _DTX_BYTES:
            return b""
        return payload

    def ticks(self, payload: bytes) -> int:
        """By RFC 6716, section 3.1: the first byte tells a frame's length, it or the second their number."""
        if not payload:
            return 0
        first = payload[0]
        code = first & 3
        if code == 0:
            frames = 1
        elif code < 3:
            frames = 2
        elif len(payload) > 1:
            frames = payload[1] & 0x3F
        else:
            return 0
        ticks = _FRAME_TICKS[first >> 3] * frames
        return ticks if ticks <= _MAX_TICKS else 0

    def silence(self, ticks: int) -> None:
        # The encoder has to be told of the silence, or it goes on from the last word when speech returns.
        return None

    def conceal(self, samples: int, following: bytes | None = None) -> bytes:
        """In-band FEC recovers the last frame of the loss, the decoder's concealment makes up the rest."""
        lacking = -(-samples // _STEP) * _STEP
        told = 0  # samples that the following packet may tell of
        if following and has_fec(following):
            told = min(_FRAME_TICKS[following[0] >> 3] // _TICKS_PER_SAMPLE, lacking)
        pieces: list[bytes] = []
        while lacking > told:
            piece = min(lacking - told, _CONCEAL)
            pieces.append(self._decoder.conceal(piece))
            lacking -= piece
        if told and following:
            pieces.append(self._recover(following, told))
        return b"".join(pieces)[: samples * 2]

    def _recover(self, following: bytes, samples: int) -> bytes:
        try:
            pcm = self._decoder.recover(following, samples)
        except OpusError:
            return self._decoder.conceal(samples)
        self.recovered += 1
        return pcm
