"""How a leg of ours is placed over a trunk: its target is looked up, and the INVITE is made and sent.

Whoever wants a leg asks for the way first, opens its media for the address that the far side will be told,
and then places it. Headers, credentials and TLS of the trunk are put together here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.call_policy import call_policy
from gateway.media_address import MediaAddress
from gateway.placed_leg import LegOwner, PlacedLeg
from gateway.redirection import Attempt
from gateway.registrar.contact_ways import FindContacts
from gateway.stir.service import CallerIdentity
from gateway.transfer_target import MayTransfer
from gateway.trunk_address import in_uri, in_user, proxy_route, read_address
from gateway.trunk_caller import own_headers, shown_caller
from gateway.trunk_targets import Candidate, TrunkTargets, candidate_of
from sip.user_agent import Credentials, OutboundTarget, UserAgent
from store.records import Trunk, TrunkOutbound

__all__ = ["LegOwner", "LegParties", "PlacedLeg", "TrunkDialling", "Way"]


@dataclass(frozen=True, slots=True)
class LegParties:
    """Who calls whom: the user parts as the trunk writes numbers, and the numbers in E.164 form."""

    to_user: str
    from_user: str
    called: str
    caller: str
    agent: str | None = None  # whose name may be shown
    private: bool | None = None  # the caller is withheld; None: as the trunk has it
    sip_headers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """Where a trunk's targets were found, in the order to be tried. `media_host` is what they are told to
    send their audio to.
    """

    trunk: Trunk
    outbound: TrunkOutbound
    candidates: tuple[Candidate, ...]
    media_host: str

    @property
    def peer_host(self) -> str:
        return self.candidates[0].server.host

    @property
    def wants_ice(self) -> bool:
        """Whether a page is called: browsers take no offer without ICE."""
        return self.candidates[0].contact is not None and self.candidates[0].server.transport in ("ws", "wss")


class TrunkDialling:
    """Places legs over trunks."""

    def __init__(
        self,
        user_agent: UserAgent,
        media_address: MediaAddress,
        identity: CallerIdentity,
        targets: TrunkTargets,
        may_dial: MayTransfer,
        registered: FindContacts,
    ) -> None:
        """`may_dial` is asked for the numbers that a redirected call would be sent to."""
        self._registered = registered
        self.user_agent = user_agent
        self.states = targets.states
        self.may_dial = may_dial
        self._media_address = media_address
        self._identity = identity
        self._targets = targets

    async def find_way(self, trunk: Trunk, outbound: TrunkOutbound) -> Way:
        """Look the trunk's targets up. Raises `OSError`."""
        if outbound.to_registered is not None:
            found = tuple(candidate_of(one) for one in await self._registered(trunk))
        else:
            found = await self._targets.candidates(trunk.id, outbound)
        # The audio of a call is of one family, which its offer names once for all attempts.
        ipv6 = ":" in found[0].server.host
        alike = tuple(one for one in found if (":" in one.server.host) is ipv6)
        return Way(trunk, outbound, alike, self._media_address.for_peer(alike[0].server.host))

    def place(self, way: Way, parties: LegParties, offer: bytes, owner: LegOwner) -> PlacedLeg:
        """Send an INVITE on that way; `owner.on_attempt` is called before this returns. Raises `SipError`."""
        leg = PlacedLeg(self, way, parties, offer, owner)
        leg.start()
        return leg

    def invite_target(
        self, way: Way, parties: LegParties, offer: bytes, attempt: Attempt | None = None
    ) -> OutboundTarget:
        """What the INVITE says, and where it goes: without an `attempt` to the first server of the way."""
        attempt = attempt or Attempt(way.candidates[0])
        outbound, server, contact = way.outbound, attempt.server, attempt.candidate.contact
        host, port = read_address(attempt.target.address)
        to_user = in_user(parties.to_user)
        request_uri = attempt.uri or f"sip:{to_user}@{in_uri(host, port)}"
        if contact is not None and outbound.to_registered is not None:
            request_uri = contact.request_uri(to_user, outbound.to_registered)
        credentials = None
        if attempt.foreign:
            pass  # whoever redirects us elsewhere is not to collect answers to challenges
        elif outbound.auth_username is not None and outbound.auth_password is not None:
            credentials = Credentials(outbound.auth_username, outbound.auth_password)
        caller = shown_caller(
            way.trunk,
            outbound,
            outbound.from_host or in_uri(way.media_host),
            parties.from_user,
            parties.agent,
            parties.private,
        )
        signed: tuple[tuple[str, str], ...] = ()
        if caller.tells_number:
            signed = self._identity.headers(way.trunk, caller=parties.caller, called=parties.called)
        return OutboundTarget(
            request_uri=request_uri,
            host=server.host,
            port=server.port,
            transport=server.transport,
            from_uri=caller.from_uri,
            from_display=caller.from_display,
            to_uri=f"sip:{to_user}@{in_uri(host)}",
            headers=(
                *(() if contact is None else contact.routes),
                *proxy_route(outbound, server.transport, redirected=attempt.uri is not None),
                *caller.headers,
                *signed,
                *own_headers(way.trunk, parties.sip_headers),
            ),
            offer=offer,
            credentials=credentials,
            policy=call_policy(way.trunk),
            tls=attempt.candidate.tls,
            flow=None if contact is None else contact.flow,
        )
