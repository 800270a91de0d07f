"""Where a 3xx answer to our INVITE leads, as far as the trunk follows it (RFC 3261 section 8.1.3.4)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from gateway.errors import ForbiddenError, InvalidRequestError
from gateway.new_trunk_outbound import tls_settings
from gateway.transfer_target import dialled_numbers, transfer_uri
from gateway.trunk_address import in_uri, read_address
from gateway.trunk_targets import Candidate
from sip.addresses import is_address
from sip.errors import ParseError
from sip.headers import NameAddr
from sip.message import Response
from sip.server_location import Destination
from sip.uri import SipUri
from store.records import Trunk
from store.target_records import Redirects, TrunkTarget

if TYPE_CHECKING:
    from gateway.placed_leg import LegOwner
    from gateway.trunk_dialling import TrunkDialling, Way

MOST_REDIRECTS = 5  # of one call


@dataclass(frozen=True, slots=True)
class Attempt:
    """One INVITE to be sent; `uri` is the Request-URI where a 3xx has named it."""

    candidate: Candidate
    uri: str | None = None
    foreign: bool = False  # a host that is not the trunk's: it is not shown credentials

    @property
    def target(self) -> TrunkTarget:
        return self.candidate.target

    @property
    def server(self) -> Destination:
        return self.candidate.server

    @property
    def destination(self) -> str:
        """For people."""
        host, port, transport = self.server
        return f"{transport}:{in_uri(host, port)}"


async def followed(
    dialling: TrunkDialling, way: Way, response: Response, seen: set[str], owner: LegOwner
) -> list[Attempt]:
    """The INVITEs that a 3xx leads to, the best liked first. `seen` are the URIs that this call was sent to
    already: none is tried twice, and there is an end to it.
    """
    found: list[Attempt] = []
    for uri in _contacts(response):
        text = str(uri)
        if text in seen:
            owner.on_redirect(text, "it was tried before")
            continue
        if len(seen) >= MOST_REDIRECTS:
            owner.on_redirect(text, "there were too many")
            break
        seen.add(text)
        refused = await _refusal(dialling, way, uri, text)
        if refused is None:
            attempts = await _attempts(dialling, way, uri, text)
            refused = None if attempts else "nothing of ours reaches it"
            found.extend(attempts)
        owner.on_redirect(text, refused)
    return found


def _contacts(response: Response) -> list[SipUri]:
    contacts: list[NameAddr] = []
    with suppress(ParseError):
        contacts = list(response.contacts)
    uris: list[tuple[float, SipUri]] = []
    for contact in contacts[: 2 * MOST_REDIRECTS]:
        with suppress(ParseError, ValueError):
            uris.append((-float(contact.parameters.get("q") or 1.0), contact.uri))
    return [uri for _, uri in sorted(uris, key=lambda one: one[0])]


async def _refusal(dialling: TrunkDialling, way: Way, uri: SipUri, text: str) -> str | None:
    """Why a call is not sent there."""
    if uri.scheme not in ("sip", "sips"):
        return "it is not a SIP address"
    policy = way.trunk.signalling.follow_redirects
    if policy is not Redirects.ANY and not is_of_trunk(way, uri.host):
        return "the host is not one of the trunk's"
    try:
        transfer_uri(text, way.trunk, "")
        await dialling.may_dial(way.trunk.organization_id, dialled_numbers(text, way.trunk))
    except (InvalidRequestError, ForbiddenError) as error:
        return str(error)
    return None


def is_of_trunk(way: Way, host: str) -> bool:
    """Whether the trunk names this host, or takes calls from its address."""
    outbound = way.outbound
    named = {read_address(one.address)[0].lower() for one in outbound.targets}
    named.add(read_address(outbound.address)[0].lower())
    named.update(one.server.host for one in way.candidates)
    return host.lower() in named or (is_address(host) and _in_networks(way.trunk, host))


def _in_networks(trunk: Trunk, host: str) -> bool:
    networks = () if trunk.inbound is None else trunk.inbound.allowed_addresses
    address = ip_address(host)
    return any(address in ip_network(one) for one in networks)


async def _attempts(dialling: TrunkDialling, way: Way, uri: SipUri, text: str) -> list[Attempt]:
    transport = "tls" if uri.scheme == "sips" else uri.transport or way.candidates[0].server.transport
    if transport not in ("udp", "tcp", "tls"):
        return []
    try:
        servers = await dialling.user_agent.locate(uri.host, uri.port, transport)
    except OSError:
        return []
    target = TrunkTarget(in_uri(uri.host, uri.port))
    tls = replace(tls_settings(way.outbound.tls), server_name=uri.host) if transport == "tls" else None
    foreign = not is_of_trunk(way, uri.host)
    ipv6 = ":" in way.peer_host
    return [
        Attempt(Candidate(target, one, tls), text, foreign) for one in servers if (":" in one.host) is ipv6
    ]
