"""A small SIP phone for tests, over UDP or TCP. It shares no code with the product: it is a stranger to it.

It does what a test tells it and no more: no registration, no authentication. It answers in-dialog requests,
sends the ACK of every final response (again for a repeated one) and retransmits its requests over UDP (RFC
3261, sections 13, 15 and 17), and it keeps every message it received.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from tests.support.sip_call import PeerCall
from tests.support.sip_message import NotSipError, SipMessage, new_branch, new_tag, response_to, tag_of

T1_S = 0.5


class SipPeer:
    """One phone with one address. `open` it, then `call` somebody or wait for an `incoming` call."""

    def __init__(self, transport: str, user: str) -> None:
        self.transport = transport  # udp, tcp
        self.user = user
        self.host = ""
        self.port = 0
        self.received: list[SipMessage] = []
        self.received_garbage: list[bytes] = []
        self.calls: dict[str, PeerCall] = {}
        self.answer_in_dialog = True  # 200 to BYE, OPTIONS, INFO, UPDATE and to a re-INVITE with our last SDP
        # Answers requests outside any dialog but INVITE; without it OPTIONS gets 200 and all else 481.
        self.answer_outside: Callable[[SipMessage], SipMessage] | None = None
        self._incoming: asyncio.Queue[PeerCall] = asyncio.Queue()
        self._udp: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None
        self._streams: dict[tuple[str, int], asyncio.StreamWriter] = {}
        self._retransmissions: dict[tuple[str, int, str], asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self.loop = asyncio.get_running_loop()

    @classmethod
    async def open(
        cls, *, transport: str = "udp", host: str = "127.0.0.1", user: str = "+15557001"
    ) -> SipPeer:
        """Listen on a port chosen by the system."""
        peer = cls(transport, user)
        if transport == "udp":
            peer._udp, _ = await peer.loop.create_datagram_endpoint(
                lambda: _Datagrams(peer), local_addr=(host, 0)
            )
            peer.host, peer.port = peer._udp.get_extra_info("sockname")[:2]
        else:
            peer._server = await asyncio.start_server(peer._serve, host, 0)
            peer.host, peer.port = peer._server.sockets[0].getsockname()[:2]
        return peer

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        for handle in self._retransmissions.values():
            handle.cancel()
        self._retransmissions.clear()
        if self._udp is not None:
            self._udp.close()
        if self._server is not None:
            self._server.close()
        for writer in list(self._streams.values()):
            writer.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def contact(self) -> str:
        parameter = "" if self.transport == "udp" else f";transport={self.transport}"
        return f"<sip:{self.user}@{self.host}:{self.port}{parameter}>"

    # --- calls ---

    async def call(
        self,
        uri: str,
        target: tuple[str, int],
        sdp: bytes = b"",
        *,
        headers: tuple[tuple[str, str], ...] = (),
        from_uri: str | None = None,
    ) -> PeerCall:
        """Send an INVITE for `uri` to `target`; the call tells what comes of it. Empty `sdp`: no offer."""
        call = PeerCall(self, call_id=f"{new_tag()}@{self.host}", target=target, local_tag=new_tag())
        call.local = f"<{from_uri or f'sip:{self.user}@{self.host}'}>;tag={call.local_tag}"
        call.remote = f"<{uri}>"
        call.remote_target = uri
        call.sdp = sdp
        self.calls[call.call_id] = call
        call.invite = call.request("INVITE", body=sdp, headers=headers)
        await self.send_request(call.invite, target)
        return call

    async def incoming(self, timeout_s: float = 5.0) -> PeerCall:
        """The next call to this phone; nothing has been answered yet. Raises `TimeoutError`."""
        async with asyncio.timeout(timeout_s):
            return await self._incoming.get()

    async def options(self, uri: str, target: tuple[str, int]) -> SipMessage:
        """Ask with OPTIONS outside any dialog and return the final response."""
        call_id = f"{new_tag()}@{self.host}"
        request = SipMessage(
            f"OPTIONS {uri} SIP/2.0",
            [
                ("Via", self.via()),
                ("Max-Forwards", "70"),
                ("From", f"<sip:{self.user}@{self.host}>;tag={new_tag()}"),
                ("To", f"<{uri}>"),
                ("Call-ID", call_id),
                ("CSeq", "1 OPTIONS"),
                ("Contact", self.contact),
            ],
        )
        await self.send_request(request, target)
        return await self.until_received(
            lambda m: m.is_response and m.get("Call-ID") == call_id and m.status >= 200
        )

    # --- sending ---

    def via(self, branch: str | None = None) -> str:
        return (
            f"SIP/2.0/{self.transport.upper()} {self.host}:{self.port};rport;branch={branch or new_branch()}"
        )

    async def send_request(self, request: SipMessage, target: tuple[str, int]) -> None:
        """Send a request and, over UDP, repeat it until a response comes or 64*T1 have passed."""
        data = request.serialize()
        await self.send_raw(data, target)
        if self.transport == "udp" and request.method != "ACK":
            self._repeat((request["Call-ID"], request.sequence, request.method), data, target, T1_S, 0.0)

    def send_response(self, response: SipMessage, request: SipMessage, source: tuple[str, int]) -> None:
        self._spawn(self.send_raw(response.serialize(), source))

    async def send_raw(self, data: bytes, target: tuple[str, int]) -> None:
        """Send any bytes: garbage too."""
        if self._udp is not None:
            self._udp.sendto(data, target)
            return
        writer = self._streams.get(target)
        if writer is None or writer.is_closing():
            reader, writer = await asyncio.open_connection(*target)
            self._streams[target] = writer
            self._spawn(self._read(reader, writer, target))
        writer.write(data)
        await writer.drain()

    def _repeat(
        self, key: tuple[str, int, str], data: bytes, target: tuple[str, int], wait: float, total: float
    ) -> None:
        def again() -> None:
            self._spawn(self.send_raw(data, target))
            self._repeat(key, data, target, min(2 * wait, 4.0), total + wait)

        self._retransmissions.pop(key, None)
        if total < 64 * T1_S:
            self._retransmissions[key] = self.loop.call_later(wait, again)

    # --- receiving ---

    async def until_received(
        self, condition: Callable[[SipMessage], bool], timeout_s: float = 5.0
    ) -> SipMessage:
        """The first message received, earlier or later, that meets the condition. Raises `TimeoutError`."""
        async with asyncio.timeout(timeout_s):
            while True:
                for message in self.received:
                    if condition(message):
                        return message
                await self.until_changed()

    async def until_changed(self) -> None:
        """Wait for the next message."""
        self._changed.clear()
        await self._changed.wait()

    def take(self, data: bytes, source: tuple[str, int]) -> None:
        """A whole message came in."""
        try:
            message = SipMessage.parse(data)
            key = (message["Call-ID"], message.sequence, message.method)
        except (NotSipError, KeyError, ValueError, IndexError):
            if data.strip():
                self.received_garbage.append(data)
            return
        self.received.append(message)
        call = self.calls.get(message["Call-ID"])
        if message.is_response:
            handle = self._retransmissions.pop(key, None)
            if handle is not None:
                handle.cancel()
            if call is not None:
                call.response_received(message, source)
        elif call is not None:
            call.request_received(message, source)
        elif message.method == "INVITE" and not tag_of(message["To"]):
            call = PeerCall.from_invite(self, message, source)
            self.calls[call.call_id] = call
            self._incoming.put_nowait(call)
        elif message.method != "ACK":
            known = message.method == "OPTIONS"
            status, reason = (200, "OK") if known else (481, "Call/Transaction Does Not Exist")
            answer = response_to(message, status, reason, to_tag=new_tag())
            if self.answer_outside is not None:
                answer = self.answer_outside(message)
            self.send_response(answer, message, source)
        self._changed.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        source: tuple[str, int] = writer.get_extra_info("peername")[:2]
        self._streams[source] = writer
        await self._read(reader, writer, source)

    async def _read(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, source: tuple[str, int]
    ) -> None:
        """Cut the stream into messages by Content-Length (RFC 3261, section 18.3)."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                head = head.lstrip(b"\r\n")
                if not head:
                    continue
                length = int(SipMessage.parse(head).get("Content-Length", "0"))
                self.take(head + await reader.readexactly(length), source)
        self._streams.pop(source, None)
        writer.close()

    def _spawn(self, work: Awaitable[None]) -> None:
        async def run() -> None:
            with contextlib.suppress(OSError):
                await work

        task = self.loop.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, peer: SipPeer) -> None:
        self._peer = peer

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        self._peer.take(data, source[:2])
