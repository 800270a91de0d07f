from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.errors import ForbiddenError
from gateway.routed_records import routed_trunk
from gateway.transfers.plan import TransferPlan
from gateway.transfers.route import TransferRouter
from routing.table import RoutedNumber, RoutingTable
from store.records import CallDirection, CallRecord, CallStatus, NumberFormat, Trunk, TrunkOutbound
from store.trunk_identity_records import LeadingPlus, NumberWriting
from tests.store.samples import trunk

CARRIER = replace(
    trunk("org", outbound=TrunkOutbound("sip.example.com"), default_country="DE"),
    number_format=NumberFormat.NATIONAL,
)
RECORD = CallRecord(
    id="call",
    organization_id="org",
    status=CallStatus.IN_PROGRESS,
    direction=CallDirection.WEBRTC,
    agent_id="agent",
    created_at=datetime.now(UTC),
)


class Asked:
    """Keeps the numbers that a leg would call."""

    def __init__(self) -> None:
        self.numbers: tuple[str, ...] = ()

    async def may_call(self, organization_id: str, numbers: Sequence[str]) -> None:
        self.numbers = tuple(numbers)


def router(leaves_by: Trunk = CARRIER, asked: Asked | None = None) -> TransferRouter:
    table = RoutingTable(
        [routed_trunk(leaves_by)],
        [RoutedNumber("n", "org", "+493012345678", trunk_id=leaves_by.id, outbound_agent_id="agent")],
        [],
    )
    found = {leaves_by.id: leaves_by}
    return TransferRouter(lambda: table, found.get, may_call=(asked or Asked()).may_call)


async def test_an_address_is_read_as_the_trunk_that_it_leaves_by_dials() -> None:
    asked = Asked()
    await router(asked=asked).leg(RECORD, TransferPlan("sip:09001234567@sip.example.com"))
    assert "+499001234567" in asked.numbers
    with pytest.raises(ForbiddenError):
        await router().leg(RECORD, TransferPlan("sip:110@sip.example.com"))


async def test_a_number_is_written_as_the_trunk_does() -> None:
    writing = NumberWriting(leading_plus=LeadingPlus.STRIP, tech_prefix="77")
    other = replace(CARRIER, number_format=NumberFormat.E164, number_writing=writing)
    route = await router(other).leg(RECORD, TransferPlan("+4930555"))
    assert (route.parties.to_user, route.parties.from_user) == ("774930555", "493012345678")
