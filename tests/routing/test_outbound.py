from __future__ import annotations

from dataclasses import replace

import pytest

from routing.decisions import Refusal, RefusalKind
from routing.outbound import Counters, OutboundQuery, OutboundRoute, Strategy, decide_outbound
from routing.table import RoutedNumber, RoutedTrunk, RoutingTable
from tests.routing.samples import (
    ACME,
    ASLEEP,
    BERLIN,
    CARRIER,
    FOREIGN,
    FREE,
    GERMAN,
    MAIN,
    OTHER,
    RECEPTION,
    TABLE,
)

TO = "+14155550123"
QUERY = OutboundQuery(ACME, RECEPTION.id, TO)


def route(
    query: OutboundQuery = QUERY,
    strategy: Strategy = Strategy.SEQUENTIAL,
    counters: Counters | None = None,
    table: RoutingTable = TABLE,
) -> OutboundRoute:
    decision = decide_outbound(table, query, strategy, counters)
    assert isinstance(decision, OutboundRoute), decision
    return decision


def refusal(
    query: OutboundQuery = QUERY, table: RoutingTable = TABLE, counters: Counters | None = None
) -> Refusal:
    decision = decide_outbound(table, query, Strategy.SEQUENTIAL, counters)
    assert isinstance(decision, Refusal), decision
    assert not decision.steps[-1].passed
    assert all((decision.message, decision.looked_up, decision.fix))
    return decision


def test_a_call_leaves_by_the_trunk_of_its_number() -> None:
    found = route()
    assert (found.number, found.trunk, found.target) == (MAIN, CARRIER, CARRIER.outbound)
    assert (found.to_user, found.from_user) == (TO, MAIN.phone_number)
    found = route(replace(QUERY, from_number=BERLIN.phone_number))
    assert (found.number, found.trunk) == (BERLIN, GERMAN)
    assert (found.to_user, found.from_user) == ("0014155550123", "030123456")


@pytest.mark.parametrize(
    ("query", "kind", "code", "says"),
    [
        (replace(QUERY, agent_id="x"), RefusalKind.UNKNOWN_AGENT, "agent_not_found", "x"),
        (replace(QUERY, agent_id=FOREIGN.id), RefusalKind.UNKNOWN_AGENT, "agent_not_found", FOREIGN.id),
        (replace(QUERY, agent_id=ASLEEP.id), RefusalKind.INACTIVE_AGENT, "agent_not_active", "draft"),
        (
            OutboundQuery(OTHER, FOREIGN.id, TO),
            RefusalKind.NO_PHONE_NUMBER,
            "no_phone_number_configured",
            "Foreign",
        ),
        (
            replace(QUERY, from_number="+14155550102"),
            RefusalKind.FROM_NUMBER_NOT_ASSIGNED,
            "from_number_not_assigned",
            "+14155550102",
        ),
        (replace(QUERY, to="030123456"), RefusalKind.INVALID_NUMBER, "invalid_number", "030123456"),
        (replace(QUERY, to="+1911"), RefusalKind.EMERGENCY_NUMBER, "emergency_number", "+1911"),
        (replace(QUERY, to="112"), RefusalKind.EMERGENCY_NUMBER, "emergency_number", "112"),
    ],
)
def test_each_refusal_has_its_own_code_and_names_what_is_wrong(
    query: OutboundQuery, kind: RefusalKind, code: str, says: str
) -> None:
    refused = refusal(query)
    assert (refused.kind, refused.code) == (kind, code)
    assert says in refused.message


def test_emergency_numbers_go_out_only_when_allowed() -> None:
    found = route(replace(QUERY, to="+49112", from_number=BERLIN.phone_number, allow_emergency=True))
    assert found.to_user == "112"


def one_trunk(trunk: RoutedTrunk | None, number: RoutedNumber = MAIN) -> RoutingTable:
    return RoutingTable.build(() if trunk is None else (trunk,), (number,), (RECEPTION,))


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        (one_trunk(None), RefusalKind.NO_TRUNK),
        (one_trunk(None, replace(MAIN, trunk_id="gone")), RefusalKind.NO_TRUNK),
        (one_trunk(replace(CARRIER, outbound=None)), RefusalKind.NO_TRUNK),
        (one_trunk(replace(CARRIER, enabled=False)), RefusalKind.TRUNK_DISABLED),
        (
            one_trunk(replace(CARRIER, outbound=None), replace(MAIN, trunk_id=CARRIER.id)),
            RefusalKind.TRUNK_WITHOUT_OUTBOUND,
        ),
    ],
)
def test_a_number_without_a_usable_trunk_says_what_is_missing(table: RoutingTable, kind: RefusalKind) -> None:
    refused = refusal(table=table)
    assert (refused.kind, refused.sip_status) == (kind, 503)
    assert MAIN.phone_number in refused.message


def test_a_number_whose_trunk_is_disabled_is_passed_over() -> None:
    table = RoutingTable.build((replace(GERMAN, enabled=False), CARRIER), (BERLIN, MAIN), (RECEPTION,))
    found = route(table=table)
    assert found.number is MAIN
    assert any(not step.passed and "disabled" in step.found for step in found.steps)


def test_a_trunk_of_another_organisation_is_never_taken_by_itself() -> None:
    table = one_trunk(replace(CARRIER, organization_id=OTHER))
    assert refusal(table=table).kind is RefusalKind.NO_TRUNK


def chosen(strategy: Strategy, **counters: object) -> str:
    return route(strategy=strategy, counters=Counters(**counters)).number.id  # type: ignore[arg-type]


def test_round_robin_takes_the_numbers_in_turn() -> None:
    assert [chosen(Strategy.ROUND_ROBIN, turn=i) for i in range(4)] == [MAIN.id, BERLIN.id, FREE.id, MAIN.id]


def test_random_follows_the_chance_it_is_given() -> None:
    assert [chosen(Strategy.RANDOM, chance=c) for c in (0.0, 0.34, 0.67, 0.999999, 1.0)] == [
        MAIN.id,
        BERLIN.id,
        FREE.id,
        FREE.id,
        FREE.id,
    ]


def test_least_busy_takes_the_number_with_the_fewest_calls() -> None:
    assert chosen(Strategy.LEAST_BUSY, active={MAIN.id: 2, BERLIN.id: 1, FREE.id: 1}) == BERLIN.id
    assert chosen(Strategy.LEAST_BUSY) == MAIN.id


@pytest.mark.parametrize("strategy", list(Strategy))
def test_every_strategy_skips_numbers_that_are_full(strategy: Strategy) -> None:
    counters = Counters(turn=1, chance=0.99, active={MAIN.id: 3, BERLIN.id: 2, FREE.id: 3}, limit=3)
    assert route(strategy=strategy, counters=counters).number is BERLIN


def test_when_all_numbers_are_full_the_call_has_to_wait() -> None:
    counters = Counters(active={MAIN.id: 1, BERLIN.id: 1, FREE.id: 1}, limit=1)
    assert refusal(counters=counters).kind is RefusalKind.AT_CAPACITY


def test_the_number_asked_for_wins_over_every_strategy() -> None:
    for strategy in Strategy:
        counters = Counters(turn=1, chance=0.9)
        query = replace(QUERY, from_number=MAIN.phone_number)
        assert route(query, strategy, counters).number is MAIN
