"""The INVITEs refused lately, with the rule that refused, what was looked up, and what would put it right:
the wire tells a caller no more than a status.

Kept in memory, the newest of each organisation, so that a scanner pushes nobody else's refusals out. A
refusal is an organisation's by the trunk that allows the source, or else by the number called; where the
number called is served over such a trunk, it is the number's owner's alone. What is nobody's is kept only
where there is one organisation alone, and else only counted and logged.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from gateway.wire_text import keepable
from routing.numbers import read_number
from routing.table import RoutingTable
from store.records import Page

KEPT_FOR_EACH = 200
LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Rejection:
    """One. `rule` is what refused, as in `trunkline_rejections_total`; `called` and `caller` are as they were
    written on the wire.
    """

    at: datetime
    rule: str
    sip_status: int
    message: str
    looked_up: str | None
    fix: str | None
    source: str
    called: str | None
    caller: str | None
    sip_call_id: str | None
    user_agent: str | None


class Rejections:
    """The recent ones."""

    def __init__(self, table: Callable[[], RoutingTable]) -> None:
        self._table = table
        self._kept: dict[str, deque[Rejection]] = {}

    def add(self, rejection: Rejection, source_ip: str, owner: str | None = None) -> None:
        """Keep it for those whom it concerns: `owner`, where that is known already."""
        owners = self.owners(source_ip, rejection.called) if owner is None else {owner}
        for owner in owners:
            self._kept.setdefault(owner, deque(maxlen=KEPT_FOR_EACH)).append(rejection)

    def list(self, organization_id: str, limit: int, offset: int) -> Page[Rejection]:
        """The organisation's, newest first."""
        mine = tuple(reversed(self._kept.get(organization_id, ())))
        return Page(mine[offset : offset + limit], len(mine), limit, offset)

    def owners(self, source_ip: str, called: str | None) -> set[str]:
        """The organisations whose business it is what this source said to that number."""
        table = self._table()
        trunks = [match.trunk for match in table.match_source(source_ip)]
        owners = {trunk.organization_id for trunk in trunks}
        number = None if called is None else table.number(read_number(called).key)
        if number is not None and (
            not owners
            or number.organization_id in owners
            or number.trunk_id in {trunk.id for trunk in trunks}  # bought from the trunk's owner
        ):
            # Several may have the same carrier: who calls one of them is no business of the others.
            owners = {number.organization_id}
        if not owners and table.sole_organization is not None:
            owners.add(table.sole_organization)
        return owners


def short(text: str | None) -> str | None:
    """A text of a stranger's, in a form and of a length that may be kept."""
    return None if text is None else keepable(text[:LONGEST_TEXT])
