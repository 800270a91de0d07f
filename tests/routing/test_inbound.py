from __future__ import annotations

from dataclasses import replace

import pytest

from routing.decisions import Refusal, RefusalKind
from routing.inbound import (
    InboundQuery,
    InboundRoute,
    comes_over,
    decide_inbound,
    may_come_from,
    needs_digest,
)
from routing.numbers import NumberRule
from routing.table import RoutedNumber, RoutedTrunk, RoutingTable
from tests.routing.samples import (
    ACME,
    BERLIN,
    CARRIER,
    GERMAN,
    MAIN,
    OTHER,
    RECEPTION,
    SHARED,
    SLEEPY,
    TABLE,
    THEIRS,
)

SOURCE = "198.51.100.9"


def route(query: InboundQuery, table: RoutingTable = TABLE) -> InboundRoute:
    decision = decide_inbound(table, query)
    assert isinstance(decision, InboundRoute), decision
    return decision


def refusal(query: InboundQuery, table: RoutingTable = TABLE) -> Refusal:
    decision = decide_inbound(table, query)
    assert isinstance(decision, Refusal), decision
    assert not decision.steps[-1].passed
    assert all(step.passed for step in decision.steps[:-1])
    assert all((decision.message, decision.looked_up, decision.fix))
    return decision


def test_a_known_number_from_a_known_trunk_reaches_its_agent() -> None:
    found = route(InboundQuery(SOURCE, "14155550100", "+14155550123"))
    assert (found.organization_id, found.trunk, found.number, found.agent) == (ACME, CARRIER, MAIN, RECEPTION)
    assert found.caller.e164 == "+14155550123"
    assert found.called.raw == "14155550100"
    assert [step.passed for step in found.steps] == [True] * 5


@pytest.mark.parametrize(
    ("query", "kind", "status", "says"),
    [
        (InboundQuery("192.0.2.1", "+14155550100"), RefusalKind.UNKNOWN_TRUNK, 403, "192.0.2.1"),
        (InboundQuery(SOURCE, "+14155559999"), RefusalKind.UNKNOWN_NUMBER, 404, "+14155559999"),
        (InboundQuery(SOURCE, "+14155550101"), RefusalKind.UNASSIGNED_NUMBER, 404, "no inbound agent"),
        (InboundQuery(SOURCE, "+14155550102"), RefusalKind.INACTIVE_AGENT, 480, "draft"),
        (InboundQuery(SOURCE, "alice"), RefusalKind.INVALID_NUMBER, 404, "alice"),
    ],
)
def test_each_refusal_has_its_own_kind_and_explains_itself(
    query: InboundQuery, kind: RefusalKind, status: int, says: str
) -> None:
    refused = refusal(query)
    assert (refused.kind, refused.sip_status) == (kind, status)
    assert says in refused.message


def test_the_four_main_refusals_differ_in_kind_code_and_fix() -> None:
    refused = [
        refusal(query)
        for query in (
            InboundQuery("192.0.2.1", "+14155550100"),
            InboundQuery(SOURCE, "+14155559999"),
            InboundQuery(SOURCE, "+14155550101"),
            InboundQuery(SOURCE, "+14155550102"),
        )
    ]
    for part in ("kind", "code", "fix", "message"):
        assert len({getattr(one, part) for one in refused}) == 4


def test_unknown_and_unassigned_numbers_look_alike_on_the_wire() -> None:
    unknown, unassigned = (refusal(InboundQuery(SOURCE, to)) for to in ("+14155559999", FREE_NUMBER))
    assert (unknown.sip_status, unknown.sip_reason) == (unassigned.sip_status, unassigned.sip_reason)


FREE_NUMBER = "+14155550101"


def test_an_agent_that_vanished_is_inactive() -> None:
    table = RoutingTable.build((CARRIER,), (MAIN,), ())
    assert refusal(InboundQuery(SOURCE, MAIN.phone_number), table).kind is RefusalKind.INACTIVE_AGENT


def test_a_disabled_trunk_is_named() -> None:
    table = RoutingTable.build((replace(CARRIER, enabled=False),), (MAIN,), (RECEPTION,))
    refused = refusal(InboundQuery(SOURCE, MAIN.phone_number), table)
    assert (refused.kind, refused.sip_status) == (RefusalKind.TRUNK_DISABLED, 403)
    assert "carrier" in refused.message


def test_a_disabled_trunk_does_not_shadow_an_enabled_one() -> None:
    narrow = RoutedTrunk("narrow", ACME, "narrow", enabled=False, allowed_addresses=(SOURCE,))
    table = RoutingTable.build((narrow, CARRIER), (MAIN,), (RECEPTION,))
    assert route(InboundQuery(SOURCE, MAIN.phone_number), table).trunk is CARRIER


def test_customers_who_share_a_carrier_are_told_apart_by_the_number() -> None:
    ours, theirs = route(InboundQuery(SOURCE, MAIN.phone_number)), route(InboundQuery(SOURCE, "+14155550900"))
    assert (ours.trunk, ours.organization_id) == (CARRIER, ACME)
    assert (theirs.trunk, theirs.organization_id, theirs.number) == (SHARED, OTHER, THEIRS)
    assert "serves the called number" in theirs.steps[0].found


def test_a_trunk_does_not_reach_the_numbers_of_another_organisation() -> None:
    assert refusal(InboundQuery("203.0.113.7", "+14155550900")).kind is RefusalKind.UNKNOWN_NUMBER


def test_a_number_bound_to_a_trunk_of_the_house_is_served_by_it() -> None:
    house = RoutedTrunk("house", "operator", "house", allowed_addresses=("192.0.2.0/24",))
    bound = RoutedNumber("n", ACME, "+14155550777", house.id, inbound_agent_id=RECEPTION.id)
    table = RoutingTable.build((house,), (bound, MAIN), (RECEPTION,))
    assert route(InboundQuery("192.0.2.1", "+14155550777"), table).organization_id == ACME
    assert refusal(InboundQuery("192.0.2.1", MAIN.phone_number), table).kind is RefusalKind.UNKNOWN_NUMBER


def test_a_number_bound_to_one_trunk_is_also_reached_by_another_of_its_owner() -> None:
    assert route(InboundQuery(SOURCE, BERLIN.phone_number)).trunk is CARRIER


def test_numbers_are_read_by_the_rule_of_the_trunk() -> None:
    found = route(InboundQuery("203.0.113.7", "030123456", "0171 2345678"))
    assert (found.trunk, found.number, found.caller.e164) == (GERMAN, BERLIN, "+491712345678")
    refused = refusal(InboundQuery(SOURCE, "030123456"))
    assert refused.kind is RefusalKind.INVALID_NUMBER
    assert "starts with 0" in refused.message


def test_a_raw_trunk_looks_up_what_came() -> None:
    pbx = RoutedTrunk("pbx", ACME, "pbx", allowed_addresses=("192.0.2.1",), number_rule=NumberRule.RAW)
    table = RoutingTable.build((pbx,), (MAIN,), (RECEPTION,))
    assert route(InboundQuery("192.0.2.1", "+14155550100"), table).number is MAIN
    assert refusal(InboundQuery("192.0.2.1", "1001"), table).kind is RefusalKind.UNKNOWN_NUMBER


@pytest.mark.parametrize(
    ("from_user", "asserted", "e164", "raw"),
    [
        ("+14155550123", None, "+14155550123", "+14155550123"),
        ("anonymous", "+14155550123", "+14155550123", "+14155550123"),
        ("+14155550124", "+14155550123", "+14155550123", "+14155550123"),
        ("+14155550124", "alice", "+14155550124", "+14155550124"),
        ("anonymous", None, None, "anonymous"),
        ("alice", None, None, "alice"),
        (None, None, None, ""),
    ],
)
def test_the_caller_is_the_asserted_identity_or_else_from(
    from_user: str | None, asserted: str | None, e164: str | None, raw: str
) -> None:
    caller = route(InboundQuery(SOURCE, MAIN.phone_number, from_user, asserted)).caller
    assert (caller.e164, caller.raw) == (e164, raw)


def test_without_a_source_the_number_alone_decides() -> None:
    found = route(InboundQuery(None, MAIN.phone_number))
    assert (found.trunk, found.agent) == (None, RECEPTION)
    assert refusal(InboundQuery(None, "+14155559999")).kind is RefusalKind.UNKNOWN_NUMBER
    assert refusal(InboundQuery(None, "x")).kind is RefusalKind.INVALID_NUMBER


def test_an_organisation_is_told_nothing_of_the_others() -> None:
    assert route(InboundQuery(None, THEIRS.phone_number, organization_id=OTHER)).number is THEIRS
    for source in (None, SOURCE):
        query = InboundQuery(source, THEIRS.phone_number, organization_id=ACME)
        assert refusal(query).kind is RefusalKind.UNKNOWN_NUMBER
    assert refusal(InboundQuery("203.0.113.7", "1", organization_id=OTHER)).kind is RefusalKind.UNKNOWN_TRUNK


def test_a_strangers_text_cannot_break_the_log() -> None:
    refused = refusal(InboundQuery(SOURCE, "a\r\nb" * 100))
    everything = refused.message + refused.looked_up + "".join(step.looked_up for step in refused.steps)
    assert "\n" not in everything
    assert len(everything) < 1000


def test_the_sleeping_number_is_named_with_its_agent() -> None:
    refused = refusal(InboundQuery(SOURCE, SLEEPY.phone_number))
    assert "Asleep" in refused.message
    assert SLEEPY.phone_number in refused.fix


BRANCH = RoutedTrunk(
    "trunk-branch", ACME, "branch", allowed_addresses=("203.0.113.0/24",), digest_user="branch"
)
ROAD = RoutedTrunk("trunk-road", ACME, "road warriors", digest_user="road")


def test_a_trunk_that_wants_both_refuses_its_network_alone() -> None:
    table = RoutingTable.build((BRANCH,), (MAIN,), (RECEPTION,))
    refused = refusal(InboundQuery("203.0.113.9", "+14155550100"), table)
    assert (refused.kind, refused.sip_status) == (RefusalKind.DIGEST_NEEDED, 401)
    found = route(InboundQuery("203.0.113.9", "+14155550100", authenticated=BRANCH.id), table)
    assert found.trunk is BRANCH


def test_a_trunk_that_wants_both_refuses_its_user_from_elsewhere() -> None:
    table = RoutingTable.build((BRANCH,), (MAIN,), (RECEPTION,))
    refused = refusal(InboundQuery("192.0.2.1", "+14155550100", authenticated=BRANCH.id), table)
    assert refused.kind is RefusalKind.UNKNOWN_TRUNK
    assert not may_come_from(table, BRANCH, "192.0.2.1")
    assert may_come_from(table, BRANCH, "203.0.113.9")


def test_a_digest_user_without_networks_comes_from_anywhere() -> None:
    table = RoutingTable.build((ROAD, CARRIER), (MAIN,), (RECEPTION,))
    found = route(InboundQuery("192.0.2.1", "+14155550100", authenticated=ROAD.id), table)
    assert found.trunk is ROAD
    assert found.steps[0].found == "trunk 'road warriors' (trunk-road) by digest user 'road'"
    refused = refusal(InboundQuery("192.0.2.1", "+14155550100"), table)
    assert refused.kind is RefusalKind.DIGEST_NEEDED
    # Whom his network lets in is not asked.
    assert route(InboundQuery(SOURCE, "+14155550100"), table).trunk is CARRIER


def test_who_has_shown_who_he_is_calls_over_his_own_trunk() -> None:
    table = RoutingTable.build((CARRIER, ROAD), (MAIN,), (RECEPTION,))
    assert route(InboundQuery(SOURCE, "+14155550100", authenticated=ROAD.id), table).trunk is ROAD


@pytest.mark.parametrize(
    ("trunks", "source", "to", "needed"),
    [
        ((CARRIER,), SOURCE, "+14155550100", False),
        ((CARRIER,), "192.0.2.1", "+14155550100", False),
        ((BRANCH,), "203.0.113.9", "+14155550100", True),
        ((BRANCH,), "192.0.2.1", "+14155550100", False),
        ((ROAD,), "192.0.2.1", "+14155550100", True),
        ((replace(ROAD, enabled=False),), "192.0.2.1", "+14155550100", False),
        ((CARRIER, ROAD), SOURCE, "+14155559999", False),
        ((replace(BRANCH, needs_both=False),), "203.0.113.9", "+14155550100", False),
        ((replace(BRANCH, needs_both=False),), "192.0.2.1", "+14155550100", True),
        # Two behind one address: the number decides whether it is the one that need not show anything.
        ((BRANCH, replace(GERMAN, allowed_addresses=("203.0.113.0/24",))), "203.0.113.9", "030123456", False),
        ((BRANCH, replace(GERMAN, allowed_addresses=("203.0.113.0/24",))), "203.0.113.9", "030999999", True),
    ],
)
def test_who_is_challenged(trunks: tuple[RoutedTrunk, ...], source: str, to: str, needed: bool) -> None:
    table = RoutingTable.build(trunks, (MAIN, BERLIN), (RECEPTION,))
    assert needs_digest(table, source, to) is needed


def test_what_comes_over_a_trunk_comes_from_its_networks_or_has_shown_its_user() -> None:
    assert comes_over(TABLE, CARRIER, SOURCE, None)
    assert not comes_over(TABLE, CARRIER, "192.0.2.1", None)
    assert not comes_over(TABLE, replace(CARRIER, enabled=False), SOURCE, None)
    with_user = replace(CARRIER, digest_user="pbx", needs_both=True)
    assert not comes_over(TABLE, with_user, SOURCE, None)
    assert not comes_over(TABLE, with_user, SOURCE, "another trunk")
    assert comes_over(TABLE, with_user, SOURCE, CARRIER.id)
    assert not comes_over(TABLE, with_user, "192.0.2.1", CARRIER.id)


@pytest.mark.parametrize(
    ("route_by", "header"), [("to", "from To"), ("diversion", "from Diversion"), ("request_uri", None)]
)
def test_a_forwarded_call_is_routed_by_what_the_trunk_says(route_by: str, header: str | None) -> None:
    table = RoutingTable.build((replace(CARRIER, route_by=route_by),), (MAIN,), (RECEPTION,))
    number = MAIN.phone_number
    query = InboundQuery(SOURCE, "+19995550000", to_header_user=number, diverted_user=number)
    if header is None:
        assert refusal(query, table).kind is RefusalKind.UNKNOWN_NUMBER
        return
    found = route(query, table)
    assert found.number is MAIN
    assert any(header in step.rule for step in found.steps)


def test_a_number_of_ours_in_the_request_uri_comes_first() -> None:
    table = RoutingTable.build((replace(CARRIER, route_by="to"),), (MAIN,), (RECEPTION,))
    found = route(InboundQuery(SOURCE, MAIN.phone_number, to_header_user="+19995550000"), table)
    assert found.called.e164 == MAIN.phone_number


def test_who_wishes_to_be_unknown_has_no_number() -> None:
    query = InboundQuery(SOURCE, MAIN.phone_number, "+14155550123", "+14155550124", private=True)
    found = route(query)
    assert (found.caller.e164, found.anonymous) == (None, True)
    assert "+1415555012" not in str(found.steps)


def test_remote_party_id_comes_between_the_asserted_identity_and_from() -> None:
    query = InboundQuery(SOURCE, MAIN.phone_number, "+14155550123", party_user="+14155550124")
    assert route(query).caller.e164 == "+14155550124"
    asserted = replace(query, asserted_user="+14155550125")
    assert route(asserted).caller.e164 == "+14155550125"
    assert not route(asserted).anonymous
