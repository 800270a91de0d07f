"""One browser of a load: ICE and DTLS-SRTP as a browser does them, and Opus that was encoded beforehand.

It costs a tenth of aiortc, which would take more than the gateway does. That aiortc and Chromium get on with
the gateway is what the end-to-end tests say.
"""

from __future__ import annotations

import os
import secrets
import socket
import struct

from bench.audio_formats import audio_format, cycle
from media import stun
from media.dtls import DtlsContext, DtlsEndpoint, DtlsState, is_dtls
from media.messages import DtlsParameters
from media.srtp import SrtpError, SrtpProtector, SrtpUnprotector
from media.stun import Attribute, MessageClass

PRIORITY = 2_122_260_223
CHECK_EVERY_S = 2.5
MAX_DATAGRAM = 2048
# RFC 8445, section 7.1.3; `media.stun` needs it only to refuse it.
ICE_CONTROLLING = 0x802A

_AUDIO = audio_format("OPUS")
_RTP = struct.Struct("!BBHII")


class BrowserCaller:
    """A page's call. `now` is monotonic seconds."""

    def __init__(self, host: str, context: DtlsContext, index: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._socket.setblocking(False)
        self._context = context
        self._ufrag = secrets.token_hex(4)
        self._password = secrets.token_hex(12)
        self._remote: tuple[str, int] | None = None
        self._remote_ufrag = self._remote_password = ""
        self._fingerprint = ""
        self._checked_at = float("-inf")
        self.checked = False  # the gateway has answered a check
        self._dtls: DtlsEndpoint | None = None
        self._protect: SrtpProtector | None = None
        self._unprotect: SrtpUnprotector | None = None
        self._payloads = cycle(_AUDIO)
        self._number = index * 7
        self._ssrc = int.from_bytes(os.urandom(4), "big")
        self.sent = self.received = self.undecryptable = self.stray = 0
        self.token = self.session = ""

    @property
    def connected(self) -> bool:
        """Audio may flow."""
        return self._protect is not None

    def offer(self) -> str:
        lines = [
            "v=0",
            "o=- 1 1 IN IP4 127.0.0.1",
            "s=-",
            "t=0 0",
            "a=group:BUNDLE 0",
            f"m=audio 9 UDP/TLS/RTP/SAVPF {_AUDIO.payload_type}",
            "c=IN IP4 0.0.0.0",
            "a=mid:0",
            "a=sendrecv",
            "a=rtcp-mux",
            f"a=ice-ufrag:{self._ufrag}",
            f"a=ice-pwd:{self._password}",
            f"a=fingerprint:sha-256 {self._context.fingerprint}",
            "a=setup:actpass",
            f"a=rtpmap:{_AUDIO.payload_type} opus/48000/2",
            f"a=fmtp:{_AUDIO.payload_type} minptime=10;useinbandfec=1",
            "",
        ]
        return "\r\n".join(lines)

    def take_answer(self, answer: str) -> None:
        attributes = dict(
            line[2:].partition(":")[::2]
            for line in answer.splitlines()
            if line.startswith("a=") and ":" in line
        )
        self._remote_ufrag, self._remote_password = attributes["ice-ufrag"], attributes["ice-pwd"]
        ipv6 = self._socket.family == socket.AF_INET6
        candidates = [line.split() for line in answer.splitlines() if line.startswith("a=candidate:")]
        candidate = next(each for each in candidates if (":" in each[4]) is ipv6)
        self._remote = (candidate[4], int(candidate[5]))
        self._fingerprint = attributes["fingerprint"].partition(" ")[2]

    def tick(self, now: float) -> None:
        """Every 20 ms: check, shake hands, or send the next packet, and read what came."""
        if self._remote is None:
            return
        if now - self._checked_at >= (CHECK_EVERY_S if self.checked else 0.05):
            self._check(now)
        if self._dtls is not None and not self.connected:
            self._dtls.poll(now)
            self._flush()
        if self._protect is not None:
            self._send_audio()
        self._read(now)

    def _check(self, now: float) -> None:
        self._checked_at = now
        attributes: list[tuple[int, bytes]] = [
            (Attribute.USERNAME, f"{self._remote_ufrag}:{self._ufrag}".encode()),
            (Attribute.PRIORITY, struct.pack("!I", PRIORITY)),
            (ICE_CONTROLLING, bytes(8)),
            (Attribute.USE_CANDIDATE, b""),
        ]
        data = stun.serialize(
            MessageClass.REQUEST, os.urandom(12), attributes, password=self._remote_password.encode()
        )
        self._send(data)

    def _send_audio(self) -> None:
        assert self._protect is not None
        number = self._number
        self._number += 1
        header = _RTP.pack(
            0x80, _AUDIO.payload_type, number & 0xFFFF, number * _AUDIO.ticks & 0xFFFFFFFF, self._ssrc
        )
        self._send(self._protect.protect(header + self._payloads[number % len(self._payloads)]))
        self.sent += 1

    def _send(self, data: bytes) -> None:
        assert self._remote is not None
        self._socket.sendto(data, self._remote)

    def _flush(self) -> None:
        if self._dtls is not None:
            for data in self._dtls.take_outgoing():
                self._send(data)

    def _read(self, now: float) -> None:
        while True:
            try:
                data = self._socket.recv(MAX_DATAGRAM)
            except OSError:
                return
            if stun.is_stun(data):
                self._answered(data, now)
            elif is_dtls(data):
                self._shake_hands(data, now)
            elif self._unprotect is not None and not 192 <= data[1] <= 223:
                self._hear(data)

    def _answered(self, data: bytes, now: float) -> None:
        answer = stun.parse(data)
        if answer.message_class is MessageClass.SUCCESS and answer.authentic(self._remote_password.encode()):
            self.checked = True
            if self._dtls is None:
                parameters = DtlsParameters(fingerprints=(("sha-256", self._fingerprint),), active=True)
                self._dtls = DtlsEndpoint(self._context, parameters, now)
                self._flush()
        else:
            self.stray += 1

    def _shake_hands(self, data: bytes, now: float) -> None:
        dtls = self._dtls
        if dtls is None:
            return
        dtls.receive(data, now)
        self._flush()
        if dtls.state is DtlsState.ESTABLISHED and dtls.keys is not None and self._protect is None:
            self._protect = SrtpProtector(dtls.keys.suite, dtls.keys.send)
            self._unprotect = SrtpUnprotector(dtls.keys.suite, dtls.keys.receive)

    def _hear(self, data: bytes) -> None:
        """One in so many is opened, to see that it can be: the rest would cost our processor, not theirs."""
        assert self._unprotect is not None
        self.received += 1
        if self.received % 25 == 0:
            try:
                self._unprotect.unprotect(data)
            except SrtpError:
                self.undecryptable += 1

    def close(self) -> None:
        self._socket.close()
