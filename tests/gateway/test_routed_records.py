from __future__ import annotations

from gateway.routed_records import routed_agent, routed_number, routed_trunk
from routing.numbers import NumberRule
from routing.table import OutboundTarget, RoutedAgent, RoutedNumber, RoutedTrunk
from store.records import AgentStatus, NumberFormat, TrunkInbound, TrunkOutbound
from store.target_records import TrunkTransport
from tests.store.samples import agent, number, trunk


def test_routing_sees_all_of_a_trunk_that_matters_to_a_call() -> None:
    record = trunk(
        "org",
        inbound=TrunkInbound(("192.0.2.0/24",)),
        outbound=TrunkOutbound("h:1", TrunkTransport.TCP, "u", "p", "from.example"),
        number_format=NumberFormat.NATIONAL,
        default_country="DE",
        codecs=("PCMA",),
        enabled=False,
    )
    assert routed_trunk(record) == RoutedTrunk(
        record.id,
        "org",
        "carrier",
        enabled=False,
        allowed_addresses=("192.0.2.0/24",),
        outbound=OutboundTarget("h:1", "tcp", "u", "p", "from.example"),
        number_rule=NumberRule.NATIONAL,
        default_country="DE",
        codecs=("PCMA",),
    )


def test_a_trunk_may_lack_a_side() -> None:
    seen = routed_trunk(trunk("org"))
    assert (seen.allowed_addresses, seen.outbound) == ((), None)


def test_every_number_format_of_the_store_is_a_rule_of_routing() -> None:
    for number_format in NumberFormat:
        assert routed_trunk(trunk("org", number_format=number_format)).number_rule == number_format.value


def test_routing_sees_both_slots_of_a_number() -> None:
    record = number("org", "+15550100", trunk_id="t", inbound_agent_id="i", outbound_agent_id="o")
    assert routed_number(record) == RoutedNumber(record.id, "org", "+15550100", "t", "i", "o")


def test_only_an_active_agent_is_active() -> None:
    for status in AgentStatus:
        record = agent("org", status=status)
        seen = routed_agent(record)
        assert seen == RoutedAgent(record.id, "org", "Receptionist", status.value)
        assert seen.active is (status is AgentStatus.ACTIVE)
