"""Over which trunk a leg of a transfer leaves, to where, and as whom."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.cluster.limits import Counted
from gateway.errors import ConflictError, ForbiddenError, InvalidRequestError
from gateway.routed_records import routed_trunk
from gateway.transfers.plan import ShownCaller, TransferPlan
from gateway.transfers.route import TransferRouter
from routing.table import RoutedAgent, RoutedNumber, RoutingTable
from store.records import CallDirection, CallRecord, CallStatus, Trunk, TrunkInbound, TrunkOutbound
from store.registrar_records import ToRegistered
from store.trunk_identity_records import LeadingPlus, NumberWriting

NOW = datetime(2026, 1, 2, tzinfo=UTC)
OURS, THEIRS, DESK = "+14155550100", "+14155550123", "+14155550188"


def trunk(name: str, address: str | None = None) -> Trunk:
    outbound = None if address is None else TrunkOutbound(address, auth_username="u", auth_password="p")
    return Trunk(
        name,
        "org",
        name,
        NOW,
        NOW,
        TrunkInbound(allowed_addresses=("192.0.2.0/24",)),
        outbound,
        max_concurrent_calls=3,
    )


def router(*trunks: Trunk, number_on: str | None = None) -> TransferRouter:
    by_id = {one.id: one for one in trunks}
    number = RoutedNumber("n", "org", OURS, number_on, "agent", "agent", max_calls=1)
    table = RoutingTable.build(map(routed_trunk, trunks), [number], [RoutedAgent("agent", "org", "Desk")])
    return TransferRouter(table=lambda: table, trunk=by_id.get)


def call(trunk_id: str | None = "own", from_number: str | None = OURS) -> CallRecord:
    return CallRecord(
        "call",
        "org",
        CallStatus.IN_PROGRESS,
        CallDirection.INBOUND,
        "agent",
        NOW,
        phone_number=THEIRS,
        from_number=from_number,
        trunk_id=trunk_id,
    )


async def test_the_trunk_of_the_call_and_its_number_come_first() -> None:
    found = await router(trunk("own", "sip.example.com"), trunk("other", "192.0.2.9")).leg(
        call(), TransferPlan(DESK)
    )
    assert (found.trunk.id, found.outbound.address) == ("own", "sip.example.com")
    assert (found.parties.to_user, found.parties.from_user) == (DESK, OURS)
    assert [limit.counted for limit in found.limits] == [Counted.TRUNK]


async def test_a_trunk_that_only_takes_calls_leaves_it_to_that_of_the_number() -> None:
    found = await router(trunk("own"), trunk("other", "192.0.2.9"), number_on="other").leg(
        call(), TransferPlan(DESK)
    )
    assert found.trunk.id == "other"


async def test_a_browser_leaves_by_a_number_of_its_agent() -> None:
    browser = replace(call(None, None), direction=CallDirection.WEBRTC, phone_number=None)
    ways = router(trunk("other", "192.0.2.9"))
    assert ways.has_way(browser)
    found = await ways.leg(browser, TransferPlan(DESK, caller_id=ShownCaller.CALLER))
    assert found.parties.caller == OURS


async def test_without_a_trunk_that_calls_can_be_sent_over_there_is_no_way() -> None:
    ways = router(trunk("own"))
    assert not ways.has_way(call())
    with pytest.raises(ConflictError) as refused:
        await ways.leg(call(), TransferPlan(DESK))
    assert refused.value.code == "transfer_no_trunk"


async def test_credentials_of_a_trunk_are_for_its_own_host_alone() -> None:
    ways = router(trunk("own", "sip.example.com"))
    own = await ways.leg(call(), TransferPlan("sip:desk@sip.example.com"))
    assert own.outbound.auth_password == "p"
    foreign = await ways.leg(call(), TransferPlan("sip:desk@192.0.2.77:5080;transport=tcp"))
    assert (foreign.outbound.address, foreign.outbound.transport) == ("192.0.2.77:5080", "tcp")
    assert foreign.outbound.auth_password is None
    assert foreign.parties.to_user == "desk"


async def test_the_far_partys_number_is_shown_where_that_is_asked_for() -> None:
    found = await router(trunk("own", "sip.example.com")).leg(
        call(), TransferPlan(DESK, caller_id=ShownCaller.CALLER)
    )
    assert found.parties.from_user == THEIRS
    assert found.parties.caller == "", "a number that is not ours is never signed for"


async def test_numbers_are_written_as_the_trunk_has_them_and_the_agent_may_be_named() -> None:
    writing = NumberWriting(LeadingPlus.STRIP, tech_prefix="7#")
    own = replace(trunk("own", "sip.example.com"), number_writing=writing)
    found = await router(own).leg(call(), TransferPlan(DESK))
    assert (found.parties.to_user, found.parties.from_user) == ("7#" + DESK[1:], OURS[1:])
    assert found.parties.agent == "Desk"
    shown = await router(own).leg(call(), TransferPlan(DESK, caller_id=ShownCaller.CALLER))
    assert shown.parties.agent is None, "our agent's name does not stand beside somebody else's number"


async def test_a_number_goes_to_who_has_registered_where_the_trunk_has_no_address() -> None:
    own = replace(trunk("own"), outbound=TrunkOutbound("", to_registered=ToRegistered.NUMBER))
    found = await router(own).leg(call(), TransferPlan(DESK))
    assert found.outbound.to_registered is ToRegistered.NUMBER
    uri = await router(own).refer_uri(call(), DESK, "192.0.2.9:5070")
    assert uri == f"sip:{DESK}@192.0.2.9:5070"


@pytest.mark.parametrize(
    ("target", "error"),
    [("+1911", ForbiddenError), ("nobody", InvalidRequestError), ("sip:", InvalidRequestError)],
)
async def test_what_a_refer_may_not_name_a_leg_may_not_call(target: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        await router(trunk("own", "sip.example.com")).leg(call(), TransferPlan(target))
