"""The routing table: every trunk, number and agent that a call can meet, ready for look-ups without disk.

A table never changes. Whoever changes an assignment builds the next table and puts it in place of the old
one in a single assignment, so that a call sees either the state before or the state after.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from routing.number_style import NumberStyle
from routing.numbers import NumberRule

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class OutboundTarget:
    """Where a trunk takes our calls: `address` is host or host:port, `transport` udp or tcp. With
    `to_registered` they go to whoever has registered, and there is no address.
    """

    address: str
    transport: str = "udp"
    auth_username: str | None = None
    auth_password: str | None = field(default=None, repr=False)
    from_host: str | None = None
    to_registered: bool = False

    @property
    def shown(self) -> str:
        """For people."""
        return "whoever has registered" if self.to_registered else f"{self.transport}:{self.address}"


@dataclass(frozen=True, slots=True)
class RoutedTrunk:
    """A trunk as routing sees it. `allowed_addresses` are networks in CIDR form; none: it takes no calls."""

    id: str
    organization_id: str
    name: str
    enabled: bool = True
    allowed_addresses: tuple[str, ...] = ()
    digest_user: str | None = None
    needs_both: bool = True  # of a digest user and a network, where there are both
    outbound: OutboundTarget | None = None
    number_rule: NumberRule = NumberRule.E164
    default_country: str | None = None
    codecs: tuple[str, ...] = ("PCMU", "PCMA")
    dtmf: str = "auto"  # auto, rfc4733, info, inband
    media_encryption: str = "allow"  # disable, allow, require
    symmetric: str = "auto"  # auto, always, never
    srtp_keying: str = "sdes"  # sdes, dtls
    max_calls: int | None = None
    leading_plus: str = "keep"  # keep, add, strip
    tech_prefix: str = ""
    route_by: str = "request_uri"  # request_uri, to, diversion

    @property
    def style(self) -> NumberStyle:
        """How numbers are written on its wire."""
        return NumberStyle(self.number_rule, self.default_country, self.leading_plus, self.tech_prefix)

    @property
    def open_to_networks(self) -> bool:
        """Whether its networks are enough."""
        return self.digest_user is None or not self.needs_both

    @property
    def open_to_digest(self) -> bool:
        """Whether its digest user may come from anywhere."""
        return self.digest_user is not None and not (self.needs_both and self.allowed_addresses)


@dataclass(frozen=True, slots=True)
class RoutedNumber:
    """A number and its two slots. `trunk_id` binds it to a trunk; without one any of the owner's will do."""

    id: str
    organization_id: str
    phone_number: str
    trunk_id: str | None = None
    inbound_agent_id: str | None = None
    outbound_agent_id: str | None = None
    max_calls: int | None = None


@dataclass(frozen=True, slots=True)
class RoutedAgent:
    """An agent; `status` in words, because a refusal quotes it. Only `active` takes and places calls."""

    id: str
    organization_id: str
    name: str
    status: str = "active"

    @property
    def active(self) -> bool:
        return self.status == "active"


@dataclass(frozen=True, slots=True)
class TrunkMatch:
    """A trunk whose allowed network holds a source address, or whose digest user has shown who he is."""

    trunk: RoutedTrunk
    network: str


class RoutingTable:
    """Immutable indexes over trunks, numbers and agents. Made by `build`."""

    __slots__ = (
        "_agents",
        "_by_digest_user",
        "_by_trunk_and_number",
        "_inbound_numbers",
        "_networks",
        "_numbers",
        "_outbound_numbers",
        "_prefixes",
        "_trunks",
        "_trunks_of",
        "digest_from_anywhere",
        "sole_organization",
    )

    def __init__(
        self,
        trunks: Iterable[RoutedTrunk],
        numbers: Iterable[RoutedNumber],
        agents: Iterable[RoutedAgent],
    ) -> None:
        self._trunks = {trunk.id: trunk for trunk in trunks}
        self._agents = {agent.id: agent for agent in agents}
        self._numbers: dict[str, RoutedNumber] = {}
        self._by_trunk_and_number: dict[tuple[str, str], RoutedNumber] = {}
        inbound: defaultdict[str, list[RoutedNumber]] = defaultdict(list)
        outbound: defaultdict[str, list[RoutedNumber]] = defaultdict(list)
        for number in numbers:
            self._numbers[number.phone_number] = number
            if number.trunk_id is not None:
                self._by_trunk_and_number[number.trunk_id, number.phone_number] = number
            if number.inbound_agent_id is not None:
                inbound[number.inbound_agent_id].append(number)
            if number.outbound_agent_id is not None:
                outbound[number.outbound_agent_id].append(number)
        self._inbound_numbers = {agent_id: tuple(held) for agent_id, held in inbound.items()}
        self._outbound_numbers = {agent_id: tuple(held) for agent_id, held in outbound.items()}
        owned: defaultdict[str, list[RoutedTrunk]] = defaultdict(list)
        for trunk in self._trunks.values():
            owned[trunk.organization_id].append(trunk)
        self._trunks_of = {organization_id: tuple(held) for organization_id, held in owned.items()}
        self._by_digest_user = {
            trunk.digest_user: trunk for trunk in self._trunks.values() if trunk.digest_user is not None
        }
        self.digest_from_anywhere = any(
            trunk.enabled and trunk.open_to_digest for trunk in self._by_digest_user.values()
        )
        """Whether strangers may show who they are."""
        self._index_networks()
        known = {
            held.organization_id
            for all_held in (self._trunks, self._agents, self._numbers)
            for held in all_held.values()
        }
        self.sole_organization: str | None = known.pop() if len(known) == 1 else None
        """Whose everything is, when it is all one organisation's."""

    @classmethod
    def build(
        cls,
        trunks: Iterable[RoutedTrunk] = (),
        numbers: Iterable[RoutedNumber] = (),
        agents: Iterable[RoutedAgent] = (),
    ) -> RoutingTable:
        """A table of these; their order decides between equals. Raises `ValueError` for a bad CIDR."""
        return cls(trunks, numbers, agents)

    def __len__(self) -> int:
        """How many numbers it routes."""
        return len(self._numbers)

    def trunk(self, trunk_id: str) -> RoutedTrunk | None:
        return self._trunks.get(trunk_id)

    def digest_trunk(self, username: str) -> RoutedTrunk | None:
        """The trunk whose inbound side has this user."""
        return self._by_digest_user.get(username)

    @property
    def has_digest(self) -> bool:
        """Whether any trunk has a digest user."""
        return bool(self._by_digest_user)

    def trunks_of(self, organization_id: str) -> tuple[RoutedTrunk, ...]:
        return self._trunks_of.get(organization_id, ())

    def agent(self, agent_id: str) -> RoutedAgent | None:
        return self._agents.get(agent_id)

    def number(self, phone_number: str) -> RoutedNumber | None:
        """A number by its E.164 form, whosoever it is."""
        return self._numbers.get(phone_number)

    def number_on_trunk(self, trunk_id: str, phone_number: str) -> RoutedNumber | None:
        """A number that is bound to this very trunk."""
        return self._by_trunk_and_number.get((trunk_id, phone_number))

    def inbound_numbers(self, agent_id: str) -> tuple[RoutedNumber, ...]:
        """The numbers an agent answers."""
        return self._inbound_numbers.get(agent_id, ())

    def outbound_numbers(self, agent_id: str) -> tuple[RoutedNumber, ...]:
        """The numbers an agent may call from."""
        return self._outbound_numbers.get(agent_id, ())

    def match_source(self, source: str) -> tuple[TrunkMatch, ...]:
        """The trunks that allow a source address, longest prefix first; empty for none or a bad address."""
        address = parse_address(source)
        if address is None:
            return ()
        width = address.max_prefixlen
        value = int(address)
        found: list[TrunkMatch] = []
        for length in self._prefixes[width]:
            found.extend(self._networks.get((width, length, value >> (width - length)), ()))
        return tuple(found)

    def _index_networks(self) -> None:
        """Networks by (address width, prefix length, prefix bits): a look-up is one probe for each length."""
        networks: defaultdict[tuple[int, int, int], list[TrunkMatch]] = defaultdict(list)
        lengths: dict[int, set[int]] = {32: set(), 128: set()}
        for trunk in self._trunks.values():
            for text in trunk.allowed_addresses:
                network = parse_network(text)
                width, length = network.max_prefixlen, network.prefixlen
                lengths[width].add(length)
                networks[width, length, int(network.network_address) >> (width - length)].append(
                    TrunkMatch(trunk, str(network))
                )
        self._networks = {key: tuple(matches) for key, matches in networks.items()}
        self._prefixes = {width: tuple(sorted(held, reverse=True)) for width, held in lengths.items()}


def parse_network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """A network in CIDR form; an address alone is a network of one. Raises `ValueError` with the reason."""
    return ipaddress.ip_network(text.strip(), strict=False)


def parse_address(text: str) -> IPAddress | None:
    """An address as sockets print it: brackets and zone removed, IPv4 mapped into IPv6 taken for IPv4."""
    try:
        address = ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
