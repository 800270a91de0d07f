"""One call of the test phone: its dialog (RFC 3261, section 12), and what a test may do with it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.support.sip_message import SipMessage, host_port_of, new_tag, response_to, tag_of, uri_of

if TYPE_CHECKING:
    from tests.support.sip_peer import SipPeer


class PeerCall:
    """A call placed or received. `requests` and `responses` hold what the far end sent in it, in order."""

    def __init__(self, peer: SipPeer, *, call_id: str, target: tuple[str, int], local_tag: str) -> None:
        self.peer = peer
        self.call_id = call_id
        self.target = target  # where requests go when there is no route set
        self.local_tag = local_tag
        self.local = ""  # From of our requests
        self.remote = ""  # To of our requests
        self.remote_target = ""
        self.routes: list[str] = []
        self.sdp = b""  # ours, the last one sent
        self.sequence = 0
        self.invite: SipMessage | None = None  # the INVITE that began the call
        self.source = target  # where the last request came from
        self.responses: list[SipMessage] = []
        self.requests: list[SipMessage] = []
        self.ended = False  # by BYE of either side, or by a refusal
        self._ack_body = b""
        self._invites: dict[int, SipMessage] = {}  # ours, by CSeq

    @classmethod
    def from_invite(cls, peer: SipPeer, invite: SipMessage, source: tuple[str, int]) -> PeerCall:
        call = cls(peer, call_id=invite["Call-ID"], target=source, local_tag=new_tag())
        call.invite = invite
        call.source = source
        call.local = f"{invite['To']};tag={call.local_tag}"
        call.remote = invite["From"]
        call.remote_target = uri_of(invite.get("Contact", invite["From"]))
        call.routes = invite.all("Record-Route")
        call.requests.append(invite)
        return call

    # --- looking ---

    @property
    def final(self) -> SipMessage | None:
        """The first final response to the INVITE that began the call."""
        return next((m for m in self.responses if m.method == "INVITE" and m.status >= 200), None)

    @property
    def provisional(self) -> list[SipMessage]:
        return [m for m in self.responses if m.method == "INVITE" and m.status < 200]

    @property
    def remote_sdp(self) -> bytes:
        """The last session description the far end sent."""
        bodies = [m.body for m in self.peer.received if m.get("Call-ID") == self.call_id and m.body]
        return bodies[-1] if bodies else b""

    def received(self, method: str) -> list[SipMessage]:
        """Requests of one method that the far end sent in this call."""
        return [m for m in self.requests if m.method == method]

    async def until_final(self, timeout_s: float = 5.0) -> SipMessage:
        """The final response to our INVITE. Raises `TimeoutError`."""
        async with asyncio.timeout(timeout_s):
            while self.final is None:
                await self.peer.until_changed()
            return self.final

    async def until_response(self, method: str, sequence: int, timeout_s: float = 5.0) -> SipMessage:
        """The final response to one of our requests."""
        return await self.peer.until_received(
            lambda m: (
                m.is_response
                and m.get("Call-ID") == self.call_id
                and (m.method, m.sequence) == (method, sequence)
                and m.status >= 200
            ),
            timeout_s,
        )

    async def until_request(self, method: str, count: int = 1, timeout_s: float = 5.0) -> SipMessage:
        """The `count`-th request of this method from the far end."""
        async with asyncio.timeout(timeout_s):
            while len(self.received(method)) < count:
                await self.peer.until_changed()
            return self.received(method)[count - 1]

    # --- what a caller does ---

    async def ack(self, sdp: bytes = b"") -> None:
        """Acknowledge the 2xx by hand: only needed to answer an offer that came in it."""
        assert self.final is not None
        self._ack_body = sdp
        await self._send_ack(self.final)

    async def cancel(self) -> SipMessage:
        """CANCEL the INVITE and return the response to the CANCEL; the 487 comes as the final response."""
        assert self.invite is not None
        cancel = SipMessage(
            self.invite.start_line.replace("INVITE", "CANCEL", 1),
            [
                ("Via", self.invite["Via"]),
                ("Max-Forwards", "70"),
                ("From", self.invite["From"]),
                ("To", self.invite["To"]),
                ("Call-ID", self.call_id),
                ("CSeq", f"{self.invite.sequence} CANCEL"),
            ],
        )
        await self.peer.send_request(cancel, self.target)
        return await self.until_response("CANCEL", self.invite.sequence)

    async def bye(self) -> SipMessage:
        """Hang up and return the response."""
        self.ended = True
        return await self.send("BYE")

    async def reinvite(self, sdp: bytes) -> SipMessage:
        """Offer another session description (hold: `sendonly`, `inactive`) and return the final response."""
        self.sdp = sdp
        return await self.send("INVITE", body=sdp)

    async def send(
        self,
        method: str,
        *,
        body: bytes = b"",
        headers: tuple[tuple[str, str], ...] = (),
        content_type: str = "application/sdp",
    ) -> SipMessage:
        """Send any request in the dialog and return its final response."""
        request = self.request(method, body=body, headers=headers, content_type=content_type)
        await self.peer.send_request(request, self._next_hop())
        return await self.until_response(method, request.sequence)

    # --- what a callee does ---

    def ring(self, status: int = 180, reason: str = "Ringing", sdp: bytes = b"") -> None:
        assert self.invite is not None
        self.respond(self.invite, status, reason, sdp)

    def answer(self, sdp: bytes) -> None:
        """200 with our session description; the ACK is among the requests."""
        assert self.invite is not None
        self.sdp = sdp
        self.respond(self.invite, 200, "OK", sdp)

    def reject(self, status: int, reason: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        assert self.invite is not None
        self.ended = True
        self.respond(self.invite, status, reason, headers=headers)

    def respond(
        self,
        request: SipMessage,
        status: int,
        reason: str,
        sdp: bytes = b"",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        contact = (("Contact", self.peer.contact),) if status < 300 else ()
        response = response_to(
            request,
            status,
            reason,
            to_tag=self.local_tag if status > 100 else "",
            headers=contact + headers,
            body=sdp,
        )
        self.peer.send_response(response, request, self.source)

    # --- the dialog ---

    def request(
        self,
        method: str,
        *,
        body: bytes = b"",
        headers: tuple[tuple[str, str], ...] = (),
        content_type: str = "application/sdp",
        sequence: int | None = None,
    ) -> SipMessage:
        """A request with the dialog's next CSeq."""
        if sequence is None:
            self.sequence += 1
            sequence = self.sequence
        lines = [("Via", self.peer.via()), ("Max-Forwards", "70")]
        lines += [("Route", route) for route in self.routes]
        lines += [("From", self.local), ("To", self.remote), ("Call-ID", self.call_id)]
        lines += [("CSeq", f"{sequence} {method}"), ("Contact", self.peer.contact), *headers]
        if body:
            lines.append(("Content-Type", content_type))
        request = SipMessage(f"{method} {self.remote_target} SIP/2.0", lines, body)
        if method == "INVITE":
            self._invites[sequence] = request
        return request

    def _next_hop(self) -> tuple[str, int]:
        if not self.remote_target or not tag_of(self.remote):
            return self.target
        return host_port_of(uri_of(self.routes[0]) if self.routes else self.remote_target)

    def response_received(self, response: SipMessage, source: tuple[str, int]) -> None:
        self.responses.append(response)
        if response.method != "INVITE" or response.status < 200:
            return
        if response.status < 300:
            # A 2xx makes or refreshes the dialog; each one, repeated too, is acknowledged.
            if not tag_of(self.remote):
                self.remote = response["To"]
                self.routes = response.all("Record-Route")[::-1]
            if response.get("Contact"):
                self.remote_target = uri_of(response["Contact"])
            offer_in_answer = self.invite is not None and not self.invite.body and response is self.final
            if not offer_in_answer:
                self.peer._spawn(self._send_ack(response))
        else:
            if response is self.final:
                self.ended = True
            self.peer._spawn(self._ack_refusal(response))

    def request_received(self, request: SipMessage, source: tuple[str, int]) -> None:
        self.source = source
        self.requests.append(request)
        method = request.method
        if method == "ACK" or not self.peer.answer_in_dialog:
            return
        if method == "CANCEL" and self.invite is not None:
            self.respond(request, 200, "OK")
            self.reject(487, "Request Terminated")
        elif method == "BYE":
            self.ended = True
            self.respond(request, 200, "OK")
        elif method == "INVITE" and tag_of(request["To"]):
            if request.get("Contact"):
                self.remote_target = uri_of(request["Contact"])  # RFC 3261, section 12.2.2
            self.respond(request, 200, "OK", self.sdp)
        elif method != "INVITE":
            self.respond(request, 200, "OK")

    async def _send_ack(self, response: SipMessage) -> None:
        ack = self.request("ACK", body=self._ack_body, sequence=response.sequence)
        await self.peer.send_raw(ack.serialize(), self._next_hop())

    async def _ack_refusal(self, response: SipMessage) -> None:
        """The ACK of a refusal belongs to the INVITE's transaction: same branch, same place (17.1.1.3)."""
        invite = self._invites[response.sequence]
        kept = ("Via", "Max-Forwards", "Route", "From", "Call-ID")
        ack = SipMessage(
            invite.start_line.replace("INVITE", "ACK", 1),
            [(name, value) for name, value in invite.headers if name in kept],
        )
        ack.headers += [("To", response["To"]), ("CSeq", f"{response.sequence} ACK")]
        await self.peer.send_raw(ack.serialize(), self._next_hop())
