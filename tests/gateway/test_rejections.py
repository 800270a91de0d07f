"""Which refusals are kept, for whom, and what they say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from gateway.rejections import KEPT_FOR_EACH, LONGEST_TEXT, Rejection, Rejections, short
from routing.table import RoutedAgent, RoutedNumber, RoutedTrunk, RoutingTable
from store.records import CallFilter
from tests.gateway.conftest import OpenScene
from tests.gateway.doubles import until
from tests.gateway.scene import NUMBER, SDP, Scene

REFUSED = Rejection(
    at=datetime(2026, 5, 6, tzinfo=UTC),
    rule="unknown_trunk",
    sip_status=403,
    message="No trunk allows it.",
    looked_up="source address",
    fix="Add it.",
    source="203.0.113.9:5060",
    called="14155550100",
    caller="+14155550111",
    sip_call_id="c1",
    user_agent=None,
)
TWO = RoutingTable.build(
    [RoutedTrunk("t1", "one", "carrier", allowed_addresses=("192.0.2.0/24",))],
    [RoutedNumber("n2", "two", "+14155550100")],
    [RoutedAgent("a", "two", "Desk")],
)


def test_a_refusal_is_whose_trunk_allows_the_source_or_whose_number_was_called() -> None:
    rejections = Rejections(lambda: TWO)
    rejections.add(REFUSED, "192.0.2.7")
    assert [rejections.list(owner, 10, 0).total for owner in ("one", "two")] == [1, 0]
    rejections.add(REFUSED, "203.0.113.9")
    assert [rejections.list(owner, 10, 0).total for owner in ("one", "two")] == [1, 1]
    rejections.add(replace(REFUSED, called="100"), "203.0.113.9")
    rejections.add(replace(REFUSED, called=None), "nonsense")
    assert [rejections.list(owner, 10, 0).total for owner in ("one", "two")] == [1, 1], "nobody's"


def test_of_two_with_the_same_carrier_only_the_one_that_was_called_sees_who_called() -> None:
    table = RoutingTable.build(
        [
            RoutedTrunk("t1", "one", "carrier", allowed_addresses=("192.0.2.0/24",)),
            RoutedTrunk("t2", "two", "carrier", allowed_addresses=("192.0.2.0/24",)),
        ],
        [RoutedNumber("n2", "two", "+14155550100")],
        [RoutedAgent("a", "two", "Desk")],
    )
    rejections = Rejections(lambda: table)
    rejections.add(REFUSED, "192.0.2.7")
    assert [rejections.list(owner, 10, 0).total for owner in ("one", "two")] == [0, 1]
    rejections.add(replace(REFUSED, called="100"), "192.0.2.7")
    assert [rejections.list(owner, 10, 0).total for owner in ("one", "two")] == [1, 2], "either's mistake"


def test_whoever_has_bought_a_number_sees_what_its_callers_were_told() -> None:
    table = RoutingTable.build(
        [RoutedTrunk("t1", "operator", "carrier", allowed_addresses=("192.0.2.0/24",))],
        [RoutedNumber("n2", "customer", "+14155550100", trunk_id="t1")],
        [RoutedAgent("a", "customer", "Desk")],
    )
    rejections = Rejections(lambda: table)
    rejections.add(REFUSED, "192.0.2.7")
    assert [rejections.list(owner, 10, 0).total for owner in ("operator", "customer")] == [0, 1]


def test_alone_in_the_house_everything_is_mine() -> None:
    table = RoutingTable.build([RoutedTrunk("t", "one", "carrier")])
    rejections = Rejections(lambda: table)
    rejections.add(replace(REFUSED, called="100"), "203.0.113.9")
    assert rejections.list("one", 10, 0).total == 1


def test_the_newest_come_first_and_the_oldest_go() -> None:
    rejections = Rejections(lambda: TWO)
    for number in range(KEPT_FOR_EACH + 5):
        rejections.add(replace(REFUSED, sip_call_id=str(number)), "192.0.2.7")
    page = rejections.list("one", 2, 1)
    assert (page.total, page.has_more) == (KEPT_FOR_EACH, True)
    assert [each.sip_call_id for each in page.items] == [str(KEPT_FOR_EACH + 3), str(KEPT_FOR_EACH + 2)]


def newest(scene: Scene) -> Rejection:
    return scene.gateway.rejections.list(scene.organization_id, 1, 0).items[0]


async def test_every_refusal_tells_its_rule_and_its_fix(scene: Scene) -> None:
    call = await scene.phone.call(f"sip:+19995550000@{scene.target[0]}", scene.target, SDP)
    assert (await call.until_final()).status == 404
    refused = newest(scene)
    assert (refused.rule, refused.sip_status, refused.called) == ("unknown_number", 404, "+19995550000")
    assert refused.looked_up
    assert refused.fix
    assert refused.source == f"{scene.phone.host}:{scene.phone.port}"
    assert refused.sip_call_id == call.call_id

    call = await scene.dial(headers=(("Require", "x-unheard-of"),))
    assert (await call.until_final()).status == 420
    refused = newest(scene)
    assert (refused.rule, refused.sip_status, refused.called) == ("sip", 420, NUMBER)
    assert scene.rejections("sip") == 1

    call = await scene.dial(headers=(("Supported", "timer"), ("Session-Expires", "60")))
    assert (await call.until_final()).status == 422
    refused = newest(scene)
    assert (refused.rule, refused.sip_status) == ("signalling", 422)
    assert refused.looked_up is not None
    assert "Session-Expires: 60" in refused.looked_up
    assert (await scene.gateway.calls.list(scene.organization_id, CallFilter(), 10, 0)).total == 0


async def test_a_full_gateway_says_so(make_gateway: OpenScene) -> None:
    scene = await make_gateway(calls={"max_inbound": 0})
    call = await scene.dial()
    assert (await call.until_final()).status == 503
    await until(lambda: newest(scene).rule == "capacity")
    assert newest(scene).fix == "Raise calls.max_inbound."


def test_what_was_no_utf8_on_the_wire_can_be_listed_too() -> None:
    assert short(b"M\xfcller\0".decode("utf-8", "surrogateescape")) == "M\ufffdller\ufffd"
    assert short("x" * 10_000) == "x" * LONGEST_TEXT
