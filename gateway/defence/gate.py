"""The gate before the user agent: asked for each new request before it makes any state.

An INVITE or REGISTER that has to show who sent it is challenged here, and the answer judged; nothing is kept
for either.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.defence.trunk_digest import digest_account
from gateway.refused_invites import Refused, RefusedInvites
from routing.inbound import may_come_from, needs_digest
from routing.table import RoutedTrunk, RoutingTable
from sip.admission import ADMITTED, Admitted, Answered, Verdict
from sip.digest_server import DigestAccount, DigestCheck, DigestOutcome, DigestServer
from sip.message import Request
from store.records import Trunk

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
    ) -> None:
        self._table = table
        self._trunk = trunk
        self._digest = digest
        self._refused = refused

    def judge(self, request: Request, source: tuple[str, int]) -> Verdict:
        """May raise ParseError, for a request that cannot be read so far."""
        if request.method not in _CHALLENGED or request.to_tag is not None:
            return ADMITTED
        return self._judge_digest(request, source, self._table())

    def _judge_digest(self, request: Request, source: tuple[str, int], table: RoutingTable) -> Verdict:
        host = source[0]
        if not table.has_digest:
            return ADMITTED
        check = self._digest.check(request, host, self._account)
        if check.outcome is DigestOutcome.GOOD:
            return self._admit_user(check, request, source, table)
        if request.method == "INVITE" and not needs_digest(
            table, host, request.request_uri.user_decoded or ""
        ):
            return ADMITTED
        if check.outcome is DigestOutcome.WRONG:
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
