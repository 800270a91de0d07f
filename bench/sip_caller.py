"""The smallest SIP caller that is still correct: INVITE, ACK, BYE over one UDP socket, for many calls at
once.

No sockets here: bytes and the time go in, bytes to send come out. It knows RFC 3261 as far as a caller needs
it on a loopback: retransmission until the first response, an ACK for every final response, 200 to requests in
the dialog.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from bench.audio_formats import PCMU, AudioFormat
from tests.support.sip_message import (
    NotSipError,
    SipMessage,
    host_port_of,
    new_branch,
    new_tag,
    response_to,
    uri_of,
)

T1_S = 0.5
TIMEOUT_S = 32.0


class CallState(Enum):
    INVITED = auto()
    UP = auto()
    REFUSED = auto()
    TIMED_OUT = auto()
    LEAVING = auto()  # our BYE is not answered yet
    OVER = auto()


Address = tuple[str, int]
Datagram = tuple[bytes, Address]


@dataclass(slots=True)
class Call:
    """One call; times are monotonic seconds."""

    index: int
    call_id: str
    from_value: str
    to_value: str
    state: CallState
    invited_at: float
    request: bytes  # the one to be repeated
    repeat_at: float
    interval: float
    via: str
    target: Address
    target_uri: str
    answered_at: float = 0.0
    status: int = 0
    answer: bytes = b""  # the session description of the 200
    hung_up_by_peer: bool = False
    provisional: bool = False

    @property
    def setup_ms(self) -> float:
        """INVITE to 200."""
        return (self.answered_at - self.invited_at) * 1000


class SipCaller:
    """All calls of one socket at `local`; requests go to `remote` first, then to the peer's Contact."""

    def __init__(self, local: Address, remote: Address, number: str) -> None:
        self._local = local
        self._remote = remote
        self._number = number
        self._calls: dict[str, Call] = {}
        self.by_index: dict[int, Call] = {}
        self.unexpected = 0

    def invite(self, index: int, sdp: bytes, now: float) -> Datagram:
        """Begin call number `index`."""
        host, port = self._local
        call_id = f"bench-{index}-{new_tag()}@{host}"
        uri = f"sip:{self._number}@{self._remote[0]}:{self._remote[1]}"
        from_value = f"<sip:{caller_number(index)}@{host}:{port}>;tag={new_tag()}"
        call = Call(
            index=index,
            call_id=call_id,
            from_value=from_value,
            to_value=f"<{uri}>",
            state=CallState.INVITED,
            invited_at=now,
            request=b"",
            repeat_at=now + T1_S,
            interval=T1_S,
            via=self._via(),
            target=self._remote,
            target_uri=uri,
        )
        headers = [("Contact", f"<sip:bench@{host}:{port}>"), ("Content-Type", "application/sdp")]
        call.request = self._request(call, "INVITE", 1, call.via, headers, sdp)
        self._calls[call_id] = self.by_index[index] = call
        return call.request, call.target

    def hang_up(self, call: Call, now: float) -> Datagram:
        """Send BYE."""
        call.state = CallState.LEAVING
        call.request = self._request(call, "BYE", 2, self._via(), [])
        call.interval = T1_S
        call.repeat_at = now + T1_S
        return call.request, call.target

    def receive(self, data: bytes, source: Address, now: float) -> Iterator[Datagram]:
        """Take a datagram; yields the answers to it."""
        try:
            message = SipMessage.parse(data)
            call = self._calls[message["Call-ID"]]
        except (NotSipError, KeyError):
            self.unexpected += 1
            return
        if not message.is_response:
            if message.method == "BYE":
                call.hung_up_by_peer = call.state is CallState.UP
                call.state = CallState.OVER
            if message.method != "ACK":
                yield response_to(message, 200, "OK").serialize(), source
        elif message.method == "INVITE":
            yield from self._invite_response(call, message, now)
        elif message.method == "BYE" and message.status >= 200:
            call.state = CallState.OVER

    def due(self, now: float) -> Iterator[Datagram]:
        """Requests to be repeated now; calls without an answer for too long are given up."""
        for call in self.by_index.values():
            if call.state not in (CallState.INVITED, CallState.LEAVING):
                continue
            if now - call.invited_at > TIMEOUT_S and call.state is CallState.INVITED:
                call.state = CallState.TIMED_OUT
            elif now >= call.repeat_at and not call.provisional:
                call.interval *= 2
                call.repeat_at = now + call.interval
                yield call.request, call.target

    def _invite_response(self, call: Call, response: SipMessage, now: float) -> Iterator[Datagram]:
        call.provisional = True  # no more repetition of the INVITE
        if response.status < 200:
            return
        if response.status >= 300:
            if call.state is CallState.INVITED:
                call.state, call.status = CallState.REFUSED, response.status
            call.to_value = response["To"]
            yield self._request(call, "ACK", 1, call.via, []), call.target
            return
        if call.state is CallState.INVITED:
            call.state, call.status, call.answered_at = CallState.UP, response.status, now
            call.provisional = False
            call.answer = response.body
            call.to_value = response["To"]
            call.target_uri = uri_of(response["Contact"])
            call.target = host_port_of(call.target_uri)
        yield self._request(call, "ACK", 1, self._via(), []), call.target

    def _via(self) -> str:
        return f"SIP/2.0/UDP {self._local[0]}:{self._local[1]};rport;branch={new_branch()}"

    def _request(
        self,
        call: Call,
        method: str,
        sequence: int,
        via: str,
        headers: list[tuple[str, str]],
        body: bytes = b"",
    ) -> bytes:
        lines = [
            ("Via", via),
            ("Max-Forwards", "70"),
            ("From", call.from_value),
            ("To", call.to_value),
            ("Call-ID", call.call_id),
            ("CSeq", f"{sequence} {method}"),
            *headers,
        ]
        return SipMessage(f"{method} {call.target_uri} SIP/2.0", lines, body).serialize()


def caller_number(index: int) -> str:
    """Who calls as number `index`."""
    return f"+1556{index:07d}"


def offer(host: str, port: int, audio: AudioFormat = PCMU, crypto: str = "") -> bytes:
    """A session description for one codec with telephone events; with `crypto` (the value of RFC 4568's
    attribute) it asks for SRTP.
    """
    kind = audio.payload_type
    lines = [
        "v=0",
        f"o=bench 1 1 IN IP4 {host}",
        "s=-",
        f"c=IN IP4 {host}",
        "t=0 0",
        f"m=audio {port} RTP/{'SAVP' if crypto else 'AVP'} {kind} 101",
        *([f"a=crypto:{crypto}"] if crypto else []),
        f"a=rtpmap:{kind} {audio.rtpmap}",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-16",
        "a=ptime:20",
        "a=sendrecv",
        "",
    ]
    return "\r\n".join(lines).encode()


def media_address(sdp: bytes) -> Address:
    """Host and port of the audio in a session description. Raises `NotSipError` when there is none."""
    host, port = "", 0
    for line in sdp.decode("ascii", "replace").splitlines():
        if line.startswith("c=IN IP4 "):
            host = line.split()[2]
        elif line.startswith("m=audio "):
            port = int(line.split()[1])
    if not host or not port:
        raise NotSipError("no audio in the session description")
    return host, port
