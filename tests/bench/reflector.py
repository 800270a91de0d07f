"""A SIP server that answers every call and sends its audio straight back: what the load generator is tested
against.
"""

from __future__ import annotations

import select
import socket
import threading
from types import TracebackType
from typing import Self

from bench.rtp_load import RtpStream
from bench.sip_caller import media_address, offer
from tests.support.sip_message import SipMessage, response_to


class Reflector:
    """Serves in a thread. `refuse_with` turns calls away; `lose_every` drops each n-th packet of a call."""

    def __init__(self, *, refuse_with: int | None = None, lose_every: int = 0, hang_up: bool = False) -> None:
        self._refuse_with = refuse_with
        self._lose_every = lose_every
        self._hang_up = hang_up
        self._sip = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sip.bind(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._sip.getsockname()
        self._stop, self._stopping = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.acknowledged = 0
        self.ended = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.send(b"x")
        self._thread.join(5)
        for each in (self._sip, self._stop, self._stopping):
            each.close()

    def _serve(self) -> None:
        audio: dict[socket.socket, int] = {}
        calls: set[str] = set()
        while True:
            readable, _, _ = select.select([self._sip, self._stopping, *audio], [], [])
            for one in readable:
                if one is self._stopping:
                    for each in audio:
                        each.close()
                    return
                if one is self._sip:
                    self._signal(audio, calls)
                else:
                    data, source = one.recvfrom(2048)
                    audio[one] += 1
                    if not self._lose_every or audio[one] % self._lose_every:
                        one.sendto(data, source)

    def _signal(self, audio: dict[socket.socket, int], calls: set[str]) -> None:
        data, source = self._sip.recvfrom(65_535)
        message = SipMessage.parse(data)
        if message.is_response:
            return
        if message.method == "ACK":
            self.acknowledged += 1
            if self._hang_up:
                self._send_bye(message, source)
            return
        status, reason, body = 200, "OK", b""
        if message.method == "BYE":
            self.ended += 1
        elif self._refuse_with is not None:
            status, reason = self._refuse_with, "No"
        elif message["Call-ID"] not in calls:
            calls.add(message["Call-ID"])
            media_address(message.body)
            leg = RtpStream(0, "127.0.0.1").socket
            audio[leg] = 0
            body = offer(*leg.getsockname())
        contact = ("Contact", f"<sip:{self.address[0]}:{self.address[1]}>")
        answer = response_to(message, status, reason, to_tag="t", headers=(contact,), body=body)
        self._sip.sendto(answer.serialize(), source)

    def _send_bye(self, ack: SipMessage, source: tuple[str, int]) -> None:
        bye = SipMessage(
            f"BYE sip:{source[0]}:{source[1]} SIP/2.0",
            [
                (
                    "Via",
                    f"SIP/2.0/UDP {self.address[0]}:{self.address[1]};branch=z9hG4bKbye{self.acknowledged}",
                ),
                ("From", ack["To"]),
                ("To", ack["From"]),
                ("Call-ID", ack["Call-ID"]),
                ("CSeq", "1 BYE"),
            ],
        )
        self._sip.sendto(bye.serialize(), source)
