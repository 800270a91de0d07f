"""An RTP endpoint for wideband codecs: `RtpPeer` with FFmpeg's codecs in place of the tables of G.711.

G.722 and Opus are decoded by FFmpeg's own code (not by the libraries that the product uses); Opus is encoded
by libopus through FFmpeg. Audio is 16 kHz.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np

from tests.support.audio import Samples
from tests.support.g711 import Law
from tests.support.rtp_peer import PTIME_MS, RtpPeer

RATE = 16000
FRAME = RATE * PTIME_MS // 1000


@dataclass(frozen=True, slots=True)
class WidebandCodec:
    """How a codec is named in SDP and in FFmpeg."""

    name: str
    payload_type: int
    clock_rate: int
    encoder: str
    decoder: str

    @property
    def ticks(self) -> int:
        return self.clock_rate * PTIME_MS // 1000


G722 = WidebandCodec("G722", 9, 8000, "g722", "g722")
OPUS = WidebandCodec("OPUS", 111, 48000, "libopus", "opus")
L16 = WidebandCodec("L16", 112, 16000, "pcm_s16be", "pcm_s16be")


class Encoder:
    """One packet for each 20 ms, some time later where the codec wants that."""

    def __init__(self, codec: WidebandCodec) -> None:
        context: Any = av.CodecContext.create(codec.encoder, "w")
        context.sample_rate = RATE
        context.layout = "mono"
        context.format = "s16"
        if codec.encoder == "libopus":
            context.bit_rate = 32_000
            context.options = {"application": "voip", "frame_duration": "20"}
        context.open()
        self._context = context
        self._at = 0

    def encode(self, frame: Samples) -> bytes:
        raw = av.AudioFrame.from_ndarray(frame.reshape(1, -1), format="s16", layout="mono")
        raw.sample_rate = RATE
        raw.pts, raw.time_base = self._at, Fraction(1, RATE)
        self._at += len(frame)
        return b"".join(bytes(packet) for packet in self._context.encode(raw))


def decode(codec: WidebandCodec, payloads: Sequence[bytes | None]) -> Samples:
    """The audio of consecutive packets, at 16 kHz; None is a packet of 20 ms that was lost, and silence."""
    context: Any = av.CodecContext.create(codec.decoder, "r")
    context.layout = "mono"
    context.sample_rate = RATE
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    parts: list[Samples] = []
    for payload in payloads:
        if payload is None:
            parts.append(np.zeros(FRAME, dtype=np.int16))
            continue
        for frame in context.decode(av.Packet(payload)):
            parts += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
    return np.concatenate(parts).astype(np.int16)


class WidebandPeer(RtpPeer):
    """Sends and hears 16 kHz audio; silence when there is nothing to play."""

    codec = G722
    _encoder: Encoder | None = None
    _samples: Samples = np.zeros(0, dtype=np.int16)

    @classmethod
    def speaking(cls, codec: WidebandCodec) -> WidebandPeer:
        peer = cls.open(Law.PCMU)
        assert isinstance(peer, cls)
        peer.codec = codec
        peer._encoder = Encoder(codec)
        return peer

    def sdp(self, *, direction: str = "sendrecv", version: int = 1) -> bytes:
        codec = self.codec
        name = f"{codec.name}/{codec.clock_rate}{'/2' if codec.name == 'OPUS' else ''}"
        lines = [
            "v=0",
            f"o=phone 7 {version} IN IP4 {self.host}",
            "s=-",
            f"c=IN IP4 {self.host}",
            "t=0 0",
            f"m=audio {self.port} RTP/AVP {codec.payload_type}",
            f"a=rtpmap:{codec.payload_type} {name}",
            *([f"a=fmtp:{codec.payload_type} minptime=10;useinbandfec=1"] if codec.name == "OPUS" else []),
            f"a=ptime:{PTIME_MS}",
            f"a={direction}",
            "",
        ]
        return "\r\n".join(lines).encode()

    def queue(self, samples: Samples) -> None:
        self._samples = np.concatenate((self._samples, samples))
        self._played.clear()

    def _send_next(self) -> None:
        assert self._encoder is not None
        frame, self._samples = self._samples[:FRAME], self._samples[FRAME:]
        frame = np.concatenate((frame, np.zeros(FRAME - len(frame), dtype=np.int16)))
        if payload := self._encoder.encode(frame):
            self._send_packet(self.codec.payload_type, payload, marker=self._index == 0)
            self.timestamp = (self.timestamp + self.codec.ticks) & 0xFFFFFFFF
        if not len(self._samples):
            self._played.set()

    def heard(self) -> Samples:
        """All audio received so far, in the order of its sequence; lost packets are silence."""
        packets = {
            (packet.sequence - self.received[0].sequence + 0x8000 & 0xFFFF): packet.payload
            for packet in self.received
            if packet.payload_type == self.codec.payload_type
        }
        return decode(self.codec, [packets.get(place) for place in range(min(packets), max(packets) + 1)])
