"""How a leg of ours is placed over a trunk: its target is looked up, and the INVITE is made and sent.

Whoever wants a leg asks for the way first, opens its media for the address that the far side will be told,
and then places it. Headers, credentials and TLS of the trunk are put together here and nowhere else.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from gateway.call_policy import call_policy
from gateway.media_address import MediaAddress
from gateway.new_trunk_outbound import tls_towards
from gateway.registrar.contact_ways import ContactWay, FindContacts, may_go_on
from gateway.stir.service import CallerIdentity
from gateway.trunk_address import in_uri, target_endpoint
from sip.addresses import same_family
from sip.message import Request, Response
from sip.user_agent import Call as SipCall
from sip.user_agent import CallListener, Credentials, OutboundTarget, OutgoingCall, UserAgent
from store.records import Trunk, TrunkOutbound


@dataclass(frozen=True, slots=True)
class LegParties:
    """Who calls whom: the user parts as the trunk writes numbers, and the numbers in E.164 form."""

    to_user: str
    from_user: str
    called: str
    caller: str


@dataclass(frozen=True, slots=True)
class Way:
    """Where a trunk's target was found. `media_host` is what it is told to send its audio to."""

    trunk: Trunk
    outbound: TrunkOutbound
    peer_host: str
    media_host: str
    contacts: tuple[ContactWay, ...] = ()  # who has registered, where calls go to them


class LegOwner(CallListener):
    """The owner of a placed leg."""

    def on_attempt(self, call: OutgoingCall, destination: str) -> None:
        """An INVITE leaves: all that is heard from now on is about this call, and one before it is
        forgotten."""


class PlacedLeg(CallListener):
    """A leg on its way. What the far side says is handed on to the owner."""

    def __init__(self, dialling: TrunkDialling, way: Way, owner: LegOwner) -> None:
        self._dialling = dialling
        self._way = way
        self._owner = owner
        self._call: OutgoingCall | None = None
        self._again: Callable[[], None] | None = None
        self._wanted = True

    def start(self, parties: LegParties, offer: bytes) -> None:
        """Send the INVITE. Raises `SipError` when it cannot be written."""
        target = self._dialling.invite_target(self._way, parties, offer)
        self._again = partial(self.start, parties, offer)
        self._call = self._dialling.user_agent.call(target, self)
        if self._way.contacts:
            shown = self._way.contacts[0].shown
        else:
            host, port = target_endpoint(self._way.outbound.address, self._way.outbound.transport)
            shown = f"{target.transport}:{host}:{port}"
        self._owner.on_attempt(self._call, shown)

    def give_up(self) -> None:
        """The leg is not wanted any more: CANCEL, `on_failure` follows. BYE when it is up already."""
        self._wanted = False
        if self._call is not None:
            self._call.hang_up()

    def on_progress(self, call: SipCall, response: Response) -> None:
        self._owner.on_progress(call, response)

    def on_answer(self, call: SipCall, response: Response) -> None:
        call.listener = self._owner
        self._owner.on_answer(call, response)

    def on_info(self, call: SipCall, request: Request) -> None:
        self._owner.on_info(call, request)

    def on_failure(self, call: SipCall, status: int, reason: str, response: Response | None) -> None:
        if self._wanted and self._again is not None and may_go_on(status, self._way.contacts):
            # The next Contact, by q: one telephone out of reach is not all of them.
            self._way = replace(self._way, contacts=self._way.contacts[1:])
            self._again()
            return
        self._owner.on_failure(call, status, reason, response)


class TrunkDialling:
    """Places legs over trunks."""

    def __init__(
        self,
        user_agent: UserAgent,
        media_address: MediaAddress,
        identity: CallerIdentity,
        registered: FindContacts,
    ) -> None:
        self.user_agent = user_agent
        self._registered = registered
        self._media_address = media_address
        self._identity = identity

    async def find_way(self, trunk: Trunk, outbound: TrunkOutbound) -> Way:
        """Look the trunk's target up. Raises `OSError`."""
        if outbound.to_registered is not None:
            ways = await self._registered(trunk)
            ways = tuple(one for one in ways if same_family(one.host, ways[0].host))
            host = ways[0].host
            return Way(trunk, outbound, host, self._media_address.for_peer(host), ways)
        peer_host = await _resolve(target_endpoint(outbound.address)[0])
        return Way(trunk, outbound, peer_host, self._media_address.for_peer(peer_host))

    def place(self, way: Way, parties: LegParties, offer: bytes, owner: LegOwner) -> PlacedLeg:
        """Send an INVITE on that way; `owner.on_attempt` is called before this returns. Raises `SipError`."""
        leg = PlacedLeg(self, way, owner)
        leg.start(parties, offer)
        return leg

    def invite_target(self, way: Way, parties: LegParties, offer: bytes) -> OutboundTarget:
        """What the INVITE says, and where it goes."""
        outbound = way.outbound
        contact = way.contacts[0] if way.contacts else None
        if contact is None or outbound.to_registered is None:
            host, port = target_endpoint(outbound.address, outbound.transport)
            request_uri = f"sip:{parties.to_user}@{in_uri(host, port)}"
        else:
            host, port = contact.host, contact.flow.port
            request_uri = contact.request_uri(parties.to_user, outbound.to_registered)
        credentials = None
        if outbound.auth_username is not None and outbound.auth_password is not None:
            credentials = Credentials(outbound.auth_username, outbound.auth_password)
        return OutboundTarget(
            request_uri=request_uri,
            host=way.peer_host if contact is None else host,
            port=port,
            transport=str(outbound.transport) if contact is None else contact.flow.transport,
            from_uri=f"sip:{parties.from_user}@{outbound.from_host or in_uri(way.media_host)}",
            from_display=None,
            to_uri=f"sip:{parties.to_user}@{in_uri(host)}",
            headers=(
                *(() if contact is None else contact.routes),
                *self._identity.headers(way.trunk, caller=parties.caller, called=parties.called),
            ),
            offer=offer,
            credentials=credentials,
            policy=call_policy(way.trunk),
            tls=tls_towards(outbound),
            flow=None if contact is None else contact.flow,
        )


async def _resolve(host: str) -> str:
    """The first address of a host name; an address literal is given back as it is. Raises `OSError`."""
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    except OSError:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_DGRAM)
        return str(found[0][4][0])
    return host
