"""Which agent answers an INVITE: source address or digest user -> trunk -> number -> agent.

| refusal | SIP | why this status |
| --- | --- | --- |
| digest needed | 401 Unauthorized | the trunk wants a password, and none was shown |
| unknown trunk, disabled trunk | 403 Forbidden | the peer may not call us at all, whatever it dials |
| unknown, invalid, unassigned number | 404 Not Found | final for carriers: they do not try again elsewhere |
| inactive agent | 480 Temporarily Unavailable | the number is in service; its agent will be again |

Unknown and unassigned look alike on the wire, so that scanning numbers tells nothing; the reason is in the
log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from routing.decisions import Refusal, RefusalKind, Step
from routing.number_style import NumberStyle
from routing.numbers import NumberRule, ReadNumber, is_withheld, read_number
from routing.table import RoutedAgent, RoutedNumber, RoutedTrunk, RoutingTable, TrunkMatch


class RouteBy(StrEnum):
    """What of an INVITE names the number called."""

    REQUEST_URI = "request_uri"
    TO = "to"
    DIVERSION = "diversion"


MAX_QUOTED = 64  # characters of a stranger's text that are repeated in messages


@dataclass(frozen=True, slots=True)
class InboundQuery:
    """What an INVITE says of itself.

    `to_user` is the user part of the Request-URI, `from_user` that of From, `asserted_user` that of
    P-Asserted-Identity (RFC 3325), which is believed first, `party_user` that of Remote-Party-ID, which comes
    next. `private`: the caller wishes to be unknown (RFC 3323), and is. `to_header_user` and `diverted_user`,
    of To and of the first Diversion or History-Info, count where a trunk routes by them. Without `source_ip`
    the trunk check is left out, which only an explanation may do. `organization_id` limits the view to one
    organisation's trunks and numbers. `authenticated` is the trunk whose digest user has shown who he is.
    """

    source_ip: str | None
    to_user: str
    from_user: str | None = None
    asserted_user: str | None = None
    organization_id: str | None = None
    authenticated: str | None = None
    party_user: str | None = None
    private: bool = False
    to_header_user: str | None = None
    diverted_user: str | None = None


@dataclass(frozen=True, slots=True)
class InboundRoute:
    """A yes. `trunk` is `None` only when the query had no source; `caller` keeps what came beside E.164, and
    is `anonymous` when it wishes so or is withheld.
    """

    organization_id: str
    trunk: RoutedTrunk | None
    number: RoutedNumber
    agent: RoutedAgent
    called: ReadNumber
    caller: ReadNumber
    steps: tuple[Step, ...]
    anonymous: bool = False


InboundDecision: TypeAlias = InboundRoute | Refusal


def decide_inbound(table: RoutingTable, query: InboundQuery) -> InboundDecision:
    """Find the agent for an INVITE, or say why there is none."""
    steps: list[Step] = []
    if query.source_ip is None:
        steps.append(Step("source address -> trunk", "no source given", "the check is left out", passed=True))
        trunk = None
        dialled = _Dialled(RouteBy.REQUEST_URI, query.to_user)
        called = read_number(query.to_user)
        number = table.number(called.key)
        if number is not None and not _visible(number.organization_id, query):
            number = None
    else:
        matches = _matches(table, query, steps)
        if isinstance(matches, Refusal):
            return matches
        trunk, dialled, called, number = _serving(table, query, matches)
        steps.append(_trunk_step(query.source_ip, matches, trunk))
    where = "" if trunk is None or dialled.source == RouteBy.REQUEST_URI else f" from {dialled.header}"
    steps.append(
        Step(
            f"called number{where} (number_format {trunk.number_rule if trunk else NumberRule.E164})",
            _quote(dialled.user),
            f"{called.finding}; looked up as {_quote(called.key)}",
            passed=True,
        )
    )
    if number is None:
        return _no_number(dialled.user, trunk, called, steps)
    bound = f"bound to trunk {_trunk_name(table, number.trunk_id)}" if number.trunk_id else "on any trunk"
    steps.append(Step("number", _quote(called.key), f"number {number.id}, {bound}", passed=True))
    agent = _agent(table, number, steps)
    if isinstance(agent, Refusal):
        return agent
    caller = _read_caller(query, trunk, steps)
    anonymous = query.private or (caller.e164 is None and is_withheld(caller.key))
    return InboundRoute(number.organization_id, trunk, number, agent, called, caller, tuple(steps), anonymous)


def _matches(table: RoutingTable, query: InboundQuery, steps: list[Step]) -> tuple[TrunkMatch, ...] | Refusal:
    """The enabled trunks that allow the source as far as it has shown who it is, best first."""
    source = query.source_ip or ""
    visible = [found for found in table.match_source(source) if _visible(found.trunk.organization_id, query)]
    mine = _authenticated(table, query, visible)
    if mine is not None:
        return (mine,)
    enabled = tuple(found for found in visible if found.trunk.enabled)
    open_ones = tuple(found for found in enabled if found.trunk.open_to_networks)
    if open_ones:
        return open_ones
    rule = "source address -> trunk"
    if enabled or (query.authenticated is None and not visible and _anybody_may_show(table, query)):
        where = f"trunk {enabled[0].trunk.name!r}" if enabled else "no trunk allows this address, but one"
        steps.append(Step(rule, source, f"{where} wants a digest user and password", passed=False))
        return Refusal(
            RefusalKind.DIGEST_NEEDED,
            "digest_needed",
            f"A call from {source} has to show a digest user and password.",
            f"source address {source}",
            "Have the far side answer the 401 with inbound.auth_username and its password, or allow the "
            "address by a trunk without a digest user.",
            401,
            "Unauthorized",
            tuple(steps),
        )
    if visible:
        name = visible[0].trunk.name
        steps.append(Step(rule, source, f"trunk {name!r} allows it but is disabled", passed=False))
        return Refusal(
            RefusalKind.TRUNK_DISABLED,
            "trunk_disabled",
            f"The trunk {name!r} that allows calls from {source} is disabled.",
            f"source address {source}",
            f"Enable the trunk {name!r}.",
            403,
            "Forbidden",
            tuple(steps),
        )
    steps.append(Step(rule, source, "no trunk allows this address", passed=False))
    return Refusal(
        RefusalKind.UNKNOWN_TRUNK,
        "unknown_trunk",
        f"No trunk allows calls from {source}.",
        f"source address {source} in the allowed_addresses of every trunk",
        f"Add {source} to inbound.allowed_addresses of the trunk these calls should use.",
        403,
        "Forbidden",
        tuple(steps),
    )


def needs_digest(table: RoutingTable, source: str, to_user: str) -> bool:
    """Whether an INVITE that has not shown who sent it should be challenged: no trunk takes it without, and
    one may with. Where a source is open for some trunks alone, the called number decides.
    """
    enabled = [found for found in table.match_source(source) if found.trunk.enabled]
    open_ones = tuple(found for found in enabled if found.trunk.open_to_networks)
    if not open_ones:
        return bool(enabled) or table.digest_from_anywhere
    if len(open_ones) == len(enabled):
        return False
    return _serving(table, InboundQuery(source, to_user), open_ones)[3] is None


def may_come_from(table: RoutingTable, trunk: RoutedTrunk, source: str) -> bool:
    """Whether a trunk's digest user may send calls from an address."""
    return trunk.open_to_digest or any(found.trunk.id == trunk.id for found in table.match_source(source))


def comes_over(table: RoutingTable, trunk: RoutedTrunk, source: str, authenticated: str | None) -> bool:
    """Whether what comes from `source`, having shown to be `authenticated`, comes over this trunk."""
    if not trunk.enabled:
        return False
    if authenticated == trunk.id:
        return may_come_from(table, trunk, source)
    return trunk.open_to_networks and any(found.trunk.id == trunk.id for found in table.match_source(source))


def _authenticated(
    table: RoutingTable, query: InboundQuery, visible: Sequence[TrunkMatch]
) -> TrunkMatch | None:
    """The trunk whose user has shown who he is, unless he may not call from there."""
    trunk = table.trunk(query.authenticated) if query.authenticated else None
    if trunk is None or not trunk.enabled or not _visible(trunk.organization_id, query):
        return None
    found = next((match for match in visible if match.trunk.id == trunk.id), None)
    if found is None and trunk.open_to_digest:
        found = TrunkMatch(trunk, f"digest user {trunk.digest_user!r}")
    return found


def _anybody_may_show(table: RoutingTable, query: InboundQuery) -> bool:
    if query.organization_id is None:
        return table.digest_from_anywhere
    return any(trunk.enabled and trunk.open_to_digest for trunk in table.trunks_of(query.organization_id))


@dataclass(frozen=True, slots=True)
class _Dialled:
    """A user part that may name the number called, and where it stood."""

    source: RouteBy
    user: str

    @property
    def header(self) -> str:
        return _HEADERS[self.source]


_HEADERS = {
    RouteBy.REQUEST_URI: "the Request-URI",
    RouteBy.TO: "To",
    RouteBy.DIVERSION: "Diversion",
}


def _dialled(trunk: RoutedTrunk, query: InboundQuery) -> list[_Dialled]:
    """What may name the number called, in the order in which it is tried: the Request-URI, and then what the
    trunk routes by.
    """
    found = [_Dialled(RouteBy.REQUEST_URI, query.to_user)]
    if trunk.route_by == RouteBy.TO and query.to_header_user:
        found.append(_Dialled(RouteBy.TO, query.to_header_user))
    if trunk.route_by == RouteBy.DIVERSION and query.diverted_user:
        found.append(_Dialled(RouteBy.DIVERSION, query.diverted_user))
    return found


def _serving(
    table: RoutingTable, query: InboundQuery, matches: tuple[TrunkMatch, ...]
) -> tuple[RoutedTrunk, _Dialled, ReadNumber, RoutedNumber | None]:
    """The first trunk that serves the called number; if none does, the one with the longest prefix.

    Customers of one carrier share its addresses, so several trunks may allow a source: the number decides.
    A trunk serves the numbers bound to it and those of its own organisation.
    """
    for match in matches:
        trunk = match.trunk
        for dialled in _dialled(trunk, query):
            called = trunk.style.read(dialled.user)
            number = table.number_on_trunk(trunk.id, called.key)
            if number is None:
                number = table.number(called.key)
                if number is not None and number.organization_id != trunk.organization_id:
                    number = None
            if number is not None:
                return trunk, dialled, called, number
    trunk = matches[0].trunk
    dialled = _Dialled(RouteBy.REQUEST_URI, query.to_user)
    return trunk, dialled, trunk.style.read(dialled.user), None


def _trunk_step(source: str, matches: tuple[TrunkMatch, ...], trunk: RoutedTrunk) -> Step:
    network = next(match.network for match in matches if match.trunk is trunk)
    found = f"trunk {trunk.name!r} ({trunk.id}) by {network}"
    if len(matches) > 1:
        why = "the longest prefix" if trunk is matches[0].trunk else "the one that serves the called number"
        found += f", {why} of {len(matches)} that match"
    return Step("source address -> trunk", source, found, passed=True)


def _no_number(dialled: str, trunk: RoutedTrunk | None, called: ReadNumber, steps: list[Step]) -> Refusal:
    where = f"the organisation of trunk {trunk.name!r}" if trunk else "the number table"
    steps.append(Step("number", _quote(called.key), f"not in {where}", passed=False))
    shown = _quote(dialled)
    if called.e164 is None and (trunk is None or trunk.number_rule is not NumberRule.RAW):
        return Refusal(
            RefusalKind.INVALID_NUMBER,
            "invalid_number",
            f"The called number {shown} {called.finding}.",
            f"called number {shown}",
            "Have the carrier send E.164, or set the trunk's number_format and default_country to match.",
            404,
            "Not Found",
            tuple(steps),
        )
    return Refusal(
        RefusalKind.UNKNOWN_NUMBER,
        "unknown_number",
        f"The number {_quote(called.key)} is not in {where}.",
        f"called number {shown}, looked up as {_quote(called.key)}",
        f"Import {_quote(called.key)} and assign it to an agent.",
        404,
        "Not Found",
        tuple(steps),
    )


def _agent(table: RoutingTable, number: RoutedNumber, steps: list[Step]) -> RoutedAgent | Refusal:
    looked_up = f"inbound agent of {number.phone_number}"
    if number.inbound_agent_id is None:
        found = "none is assigned"
        if number.outbound_agent_id is not None:
            found += " (its outbound slot is taken, which does not answer calls)"
        steps.append(Step("number -> agent", looked_up, found, passed=False))
        return Refusal(
            RefusalKind.UNASSIGNED_NUMBER,
            "unassigned_number",
            f"The number {number.phone_number} has no inbound agent.",
            looked_up,
            f"Assign {number.phone_number} to an agent for inbound calls.",
            404,
            "Not Found",
            tuple(steps),
        )
    agent = table.agent(number.inbound_agent_id)
    if agent is None or not agent.active:
        status = "missing" if agent is None else agent.status
        name = number.inbound_agent_id if agent is None else f"{agent.name!r} ({agent.id})"
        steps.append(Step("number -> agent", looked_up, f"agent {name} is {status}", passed=False))
        return Refusal(
            RefusalKind.INACTIVE_AGENT,
            "agent_not_active",
            f"The agent {name} of {number.phone_number} is {status}, not active.",
            looked_up,
            f"Bring the agent to status active, or assign {number.phone_number} to another one.",
            480,
            "Temporarily Unavailable",
            tuple(steps),
        )
    steps.append(
        Step("number -> agent", looked_up, f"agent {agent.name!r} ({agent.id}), active", passed=True)
    )
    return agent


def _read_caller(query: InboundQuery, trunk: RoutedTrunk | None, steps: list[Step]) -> ReadNumber:
    """The caller by P-Asserted-Identity, else Remote-Party-ID, else From: the first one with a number. Nobody
    for whom it is known that he wishes to be unknown.
    """
    style = trunk.style if trunk else NumberStyle()
    if query.private:
        steps.append(Step("caller", "Privacy", "wishes to be unknown", passed=True))
        return ReadNumber("anonymous", None, "anonymous", "wishes to be unknown")
    caller = ReadNumber("", None, "", "is not given")
    source = "caller"
    for header, user in (
        ("P-Asserted-Identity", query.asserted_user),
        ("Remote-Party-ID", query.party_user),
        ("From", query.from_user),
    ):
        if user is None:
            continue
        read = style.read(user)
        if read.e164 is not None or not caller.raw:
            caller, source = read, f"caller ({header})"
        if read.e164 is not None:
            break
    steps.append(Step(source, _quote(caller.raw), caller.finding, passed=True))
    return caller


def _visible(organization_id: str, query: InboundQuery) -> bool:
    return query.organization_id is None or query.organization_id == organization_id


def _trunk_name(table: RoutingTable, trunk_id: str | None) -> str:
    trunk = table.trunk(trunk_id) if trunk_id else None
    return repr(trunk.name) if trunk else str(trunk_id)


def _quote(text: str) -> str:
    """A stranger's text, made safe to print on one line."""
    return repr(text[:MAX_QUOTED] + ("..." if len(text) > MAX_QUOTED else ""))
