"""The gate before the user agent: asked for each new request before it makes any state.

In this order: is the source banned, is it within its rate, is it a scanner, is it known or may it show who it
is? An INVITE or REGISTER that has to do so is challenged here, and the answer judged; nothing is kept for
either. What is let in then has to be within the rate of all, which strangers so cannot use up. A source that
a trunk's networks hold is never banned, and packets with the forged address of one that has shown its
password lately do not get it banned.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from gateway.configuration.defence import DefenceSection
from gateway.defence.bans import Bans, source_of
from gateway.defence.challenges import Challenges
from gateway.defence.defence_metrics import DefenceMetrics
from gateway.defence.scanners import is_scanner
from gateway.defence.token_buckets import TokenBuckets
from gateway.defence.trunk_digest import digest_account
from gateway.refused_invites import Refused, RefusedInvites
from routing.decisions import Refusal
from routing.explain import explain_text
from routing.inbound import InboundQuery, decide_inbound, may_come_from, needs_digest
from routing.table import RoutedTrunk, RoutingTable
from sip.admission import ADMITTED, DROPPED, Admitted, Answered, Verdict
from sip.digest_server import DigestAccount, DigestCheck, DigestOutcome, DigestServer
from sip.message import Request
from store.records import Trunk

RETRY_AFTER = "2"
"""Seconds after which a source that is over its rate may try again."""

_CHALLENGED = frozenset(("INVITE", "REGISTER"))


class InboundGate:
    """Judges requests by where they come from and what they show."""

    def __init__(
        self,
        *,
        table: Callable[[], RoutingTable],
        trunk: Callable[[str], Trunk | None],
        digest: DigestServer,
        refused: RefusedInvites,
        bans: Bans,
        config: DefenceSection,
        metrics: DefenceMetrics,
        registered: Callable[[str, tuple[str, int]], str | None] = lambda transport, source: None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """`registered` tells the trunk whose calls by a transport and from an address need no password since
        somebody has registered from there."""
        self._registered = registered
        self._table = table
        self._trunk = trunk
        self._digest = digest
        self._refused = refused
        self._bans = bans
        self._challenges = Challenges()
        self._metrics = metrics
        self._clock = clock
        self._silent = config.unknown_sources == "silence"
        self._known = TokenBuckets(config.source_rate)
        self._strangers = TokenBuckets(config.unknown_source_rate)
        self._total = TokenBuckets(config.total_rate, most_keys=1)

    def judge(self, request: Request, source: tuple[str, int]) -> Verdict:
        """May raise ParseError, for a request that cannot be read so far."""
        host, now = source[0], self._clock()
        table = self._table()
        known = bool(table.match_source(host))
        if not known and self._bans.holds(host, now):
            return self._turn_away("banned")
        outside = request.to_tag is None
        if known:
            if outside and not self._known.take(host, now):
                return self._too_many(request, source, "source_rate", f"{host} sends too much.")
        else:
            if not self._strangers.take(source_of(host), now):
                return self._turn_away("rate")
            if is_scanner(request.get("User-Agent")):
                if not self._challenges.proved(host, now):
                    self._bans.ban(host, "scanner", now)
                return self._turn_away("scanner")
            if not table.digest_from_anywhere and outside:
                return self._judge_stranger(request, source, table)
        if request.method not in _CHALLENGED or not outside:
            return ADMITTED
        verdict = self._judge_digest(request, source, table)
        admitted = isinstance(verdict, Admitted) and request.method == "INVITE"
        if admitted and not self._total.take("", now):
            return self._too_many(request, source, "total_rate", "All sources together send too much.")
        return verdict

    def _judge_stranger(self, request: Request, source: tuple[str, int], table: RoutingTable) -> Verdict:
        """Nobody knows it, and it has nothing to show."""
        if request.method == "INVITE":
            called = request.request_uri.user_decoded or ""
            decision = decide_inbound(table, InboundQuery(source_ip=source[0], to_user=called))
            if isinstance(decision, Refusal):
                status = 0 if self._silent else decision.sip_status
                told = (decision.looked_up, decision.fix, explain_text(decision))
                self._note(request, source, Refused(decision.code, decision.message, status, *told))
        elif request.method != "REGISTER":
            return self._turn_away("unknown") if self._silent else ADMITTED
        self._bans.strike(source[0], "unknown source", self._clock())
        return self._turn_away("unknown") if self._silent else Answered(403)

    def _turn_away(self, reason: str) -> Verdict:
        self._metrics.dropped.labels(reason).inc()
        return DROPPED

    def _too_many(self, request: Request, source: tuple[str, int], kind: str, message: str) -> Verdict:
        if request.method == "INVITE":
            fix = f"Have it send less, or raise defence.{kind}."
            self._note(request, source, Refused(kind, message, 503, f"source address {source[0]}", fix))
        return Answered(503, headers=(("Retry-After", RETRY_AFTER),))

    def _judge_digest(self, request: Request, source: tuple[str, int], table: RoutingTable) -> Verdict:
        host, now = source[0], self._clock()
        if not table.has_digest:
            return ADMITTED
        if request.method == "INVITE" and len(request.values("Via")) == 1:
            # Through a proxy comes who has registered there, and everybody else who calls over it.
            trunk_id = self._registered(request.top_via.transport.lower(), source)
            trunk = None if trunk_id is None else table.trunk(trunk_id)
            if trunk is not None and trunk.enabled and may_come_from(table, trunk, host):
                return Admitted(trunk.id)
        check = self._digest.check(request, host, self._account)
        if check.outcome is DigestOutcome.GOOD:
            self._challenges.answered(host, now)
            return self._admit_user(check, request, source, table)
        if request.method == "INVITE" and not needs_digest(
            table, host, request.request_uri.user_decoded or ""
        ):
            return ADMITTED
        if check.outcome is DigestOutcome.WRONG:
            # With a nonce that went to this address: it is no forged one.
            if not table.match_source(host):
                self._bans.strike(host, "digest guessing", now)
            self._note(
                request,
                source,
                Refused(
                    "digest_refused",
                    f"The digest user {check.username!r} or its password is not right.",
                    401,
                    f"digest user {check.username!r}",
                    "Give the far side the trunk's inbound.auth_username and a password set anew.",
                    owner=self._owner(check.username),
                ),
            )
        elif not table.match_source(host) and self._challenges.given(host, now):
            self._bans.strike(host, "unanswered challenges", now)
        stale = check.outcome is DigestOutcome.STALE
        return Answered(401, headers=self._digest.challenges(host, stale=stale))

    def _admit_user(
        self, check: DigestCheck, request: Request, source: tuple[str, int], table: RoutingTable
    ) -> Verdict:
        trunk = table.digest_trunk(check.username or "")
        if trunk is None or (trunk.enabled and may_come_from(table, trunk, source[0])):
            return Admitted(None if trunk is None else trunk.id)
        kind, message, fix = _why_not(trunk, source[0])
        looked_up = f"source address {source[0]}, digest user {check.username!r}"
        refused = Refused(kind, message, 403, looked_up, fix, owner=trunk.organization_id)
        self._note(request, source, refused)
        return Answered(403)

    def _note(self, request: Request, source: tuple[str, int], refused: Refused) -> None:
        self._refused.note(refused, request, source)

    def _owner(self, username: str | None) -> str | None:
        trunk = self._table().digest_trunk(username or "")
        return None if trunk is None else trunk.organization_id

    def _account(self, username: str) -> DigestAccount | None:
        routed = self._table().digest_trunk(username)
        return None if routed is None else digest_account(self._trunk(routed.id))


def _why_not(trunk: RoutedTrunk, host: str) -> tuple[str, str, str]:
    """Kind, message and fix for a user who has shown who he is."""
    if not trunk.enabled:
        return "trunk_disabled", f"The trunk {trunk.name!r} is disabled.", f"Enable the trunk {trunk.name!r}."
    return (
        "digest_source",
        f"The user of trunk {trunk.name!r} may not call from {host}.",
        f"Add {host} to inbound.allowed_addresses of the trunk, or set inbound.match to any.",
    )
