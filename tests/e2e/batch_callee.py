"""Whoever a campaign calls: one SIP endpoint for thousands of numbers, which does as the number dialled
says, and counts what it sees.

It is written by hand, so that what a campaign promises (never more than so many calls at once, never a second
call to somebody) is looked at from the far side and not by the gateway's own books.
"""

from __future__ import annotations

import heapq
import itertools
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

Behaviour = Callable[[str], str]  # number -> answer, busy, no-answer, or a status such as 404

_HEADER = re.compile(r"^([\w-]+)\s*:\s*(.*)$", re.MULTILINE)
_REASONS = {"486": "Busy Here", "404": "Not Found", "503": "Service Unavailable", "603": "Decline"}


@dataclass(slots=True)
class _Leg:
    """One call as its callee has it."""

    number: str
    caller: str
    invite: dict[str, list[str]]
    peer: tuple[str, int]
    tag: str
    live: bool = True
    answered: bool = False


@dataclass(slots=True)
class Seen:
    """What the callee has seen; times are of the monotonic clock."""

    invites: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    cancelled: Counter[str] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)
    most_at_once: int = 0
    most_of_caller: Counter[str] = field(default_factory=Counter)


class BatchCallee:
    """Listens on a free port of loopback, in a thread of its own."""

    def __init__(self, behaviour: Behaviour, *, hold_s: float = 0.3, ring_s: float = 0.05) -> None:
        self._behaviour = behaviour
        self._hold_s = hold_s
        self._ring_s = ring_s
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._legs: dict[str, _Leg] = {}
        self._live_of: Counter[str] = Counter()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._closing = False
        self.seen = Seen()
        self._thread = threading.Thread(target=self._run, name="batch-callee", daemon=True)
        self._thread.start()

    @property
    def live(self) -> int:
        """Calls that ring or talk now."""
        return self._live_of.total()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        self._thread.join(5)
        self._socket.close()

    def forget_live(self) -> None:
        """The gateway was killed: nobody will end the calls that are up."""
        for leg in list(self._legs.values()):
            self._over(leg)

    # --- inside

    def _run(self) -> None:
        while not self._closing:
            now = time.monotonic()
            while self._timers and self._timers[0][0] <= now:
                heapq.heappop(self._timers)[2]()
            wait = min(0.05, self._timers[0][0] - now) if self._timers else 0.05
            self._socket.settimeout(max(0.001, wait))
            try:
                data, peer = self._socket.recvfrom(65_536)
            except (TimeoutError, ConnectionError):
                continue
            self._received(data.decode(errors="replace"), peer)

    def _received(self, text: str, peer: tuple[str, int]) -> None:
        first, _, rest = text.partition("\r\n")
        headers: dict[str, list[str]] = {}
        for name, value in _HEADER.findall(rest.partition("\r\n\r\n")[0].replace("\r", "")):
            headers.setdefault(name.lower(), []).append(value.strip())
        call_id = headers["call-id"][0]
        method = first.split(" ", 1)[0]
        if method == "INVITE":
            if call_id not in self._legs:  # else it came again
                self._invited(first, call_id, headers, peer)
            return
        leg = self._legs.get(call_id)
        if method == "BYE":
            self._reply(headers, peer, "200 OK", leg.tag if leg else "x")
            if leg is not None:
                self._over(leg)
        elif method == "CANCEL":
            self._reply(headers, peer, "200 OK", leg.tag if leg else "x")
            if leg is not None and not leg.answered and leg.live:
                self.seen.cancelled[leg.number] += 1
                self._over(leg)
                self._reply(leg.invite, leg.peer, "487 Request Terminated", leg.tag)
        elif method == "OPTIONS":
            self._reply(headers, peer, "200 OK", "x")

    def _invited(
        self, first: str, call_id: str, headers: dict[str, list[str]], peer: tuple[str, int]
    ) -> None:
        number = first.split(" ")[1].removeprefix("sip:").partition("@")[0]
        caller = headers["from"][0].partition("sip:")[2].partition("@")[0]
        leg = self._legs[call_id] = _Leg(number, caller, headers, peer, f"t{next(self._numbers)}")
        self.seen.invites[number] += 1
        self.seen.times.append(time.monotonic())
        self._live_of[caller] += 1
        self.seen.most_at_once = max(self.seen.most_at_once, self.live)
        self.seen.most_of_caller[caller] = max(self.seen.most_of_caller[caller], self._live_of[caller])
        self._reply(headers, peer, "100 Trying", None)
        behaviour = self._behaviour(number)
        if behaviour == "no-answer":
            self._reply(headers, peer, "180 Ringing", leg.tag)
        elif behaviour == "answer":
            self._reply(headers, peer, "180 Ringing", leg.tag)
            self._later(self._ring_s, lambda: self._answer(leg))
        else:
            status = "486" if behaviour == "busy" else behaviour
            self._over(leg)
            self._reply(headers, peer, f"{status} {_REASONS[status]}", leg.tag)

    def _answer(self, leg: _Leg) -> None:
        if not leg.live:
            return
        leg.answered = True
        self.seen.answered[leg.number] += 1
        body = (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            "m=audio 9 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
        )
        self._reply(leg.invite, leg.peer, "200 OK", leg.tag, body)
        self._later(self._hold_s, lambda: self._hang_up(leg))

    def _hang_up(self, leg: _Leg) -> None:
        if not leg.live:
            return
        invite = leg.invite
        target = invite["contact"][0].partition("<")[2].partition(">")[0]
        lines = [
            f"BYE {target} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.address};branch=z9hG4bK-bye-{leg.tag}",
            f"From: {invite['to'][0]};tag={leg.tag}",
            f"To: {invite['from'][0]}",
            f"Call-ID: {invite['call-id'][0]}",
            "CSeq: 1 BYE",
            "Max-Forwards: 70",
            "Content-Length: 0",
        ]
        self._over(leg)  # before it is told: from then on the gateway may call the next one
        self._send(lines, leg.peer)

    def _over(self, leg: _Leg) -> None:
        if leg.live:
            leg.live = False
            self._live_of[leg.caller] -= 1

    def _reply(
        self,
        headers: dict[str, list[str]],
        peer: tuple[str, int],
        status: str,
        tag: str | None,
        body: str = "",
    ) -> None:
        to = headers["to"][0]
        if tag is not None and "tag=" not in to:
            to = f"{to};tag={tag}"
        lines = [
            f"SIP/2.0 {status}",
            *(f"Via: {via}" for via in headers["via"]),
            f"From: {headers['from'][0]}",
            f"To: {to}",
            f"Call-ID: {headers['call-id'][0]}",
            f"CSeq: {headers['cseq'][0]}",
            f"Contact: <sip:callee@{self.address}>",
        ]
        if body:
            lines.append("Content-Type: application/sdp")
        lines.append(f"Content-Length: {len(body)}")
        self._send(lines, peer, body)

    def _send(self, lines: list[str], peer: tuple[str, int], body: str = "") -> None:
        self._socket.sendto(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), peer)

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._numbers), act))
