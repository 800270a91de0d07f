"""A small world to route in: two organisations, three trunks."""

from __future__ import annotations

from routing.numbers import NumberRule
from routing.table import OutboundTarget, RoutedAgent, RoutedNumber, RoutedTrunk, RoutingTable

ACME = "org-acme"
OTHER = "org-other"

CARRIER = RoutedTrunk(
    "trunk-carrier",
    ACME,
    "carrier",
    allowed_addresses=("198.51.100.0/24", "2001:db8:1::/48"),
    outbound=OutboundTarget("sip.carrier.example", auth_username="u", auth_password="geheim"),
)
GERMAN = RoutedTrunk(
    "trunk-german",
    ACME,
    "german pbx",
    allowed_addresses=("203.0.113.7",),
    outbound=OutboundTarget("203.0.113.7:5080", "tcp"),
    number_rule=NumberRule.NATIONAL,
    default_country="DE",
)
SHARED = RoutedTrunk("trunk-shared", OTHER, "same carrier", allowed_addresses=("198.51.100.0/24",))

RECEPTION = RoutedAgent("agent-reception", ACME, "Reception")
ASLEEP = RoutedAgent("agent-asleep", ACME, "Asleep", "draft")
FOREIGN = RoutedAgent("agent-foreign", OTHER, "Foreign")

MAIN = RoutedNumber(
    "n-main", ACME, "+14155550100", inbound_agent_id=RECEPTION.id, outbound_agent_id=RECEPTION.id
)
BERLIN = RoutedNumber(
    "n-berlin", ACME, "+4930123456", GERMAN.id, inbound_agent_id=RECEPTION.id, outbound_agent_id=RECEPTION.id
)
FREE = RoutedNumber("n-free", ACME, "+14155550101", outbound_agent_id=RECEPTION.id)
SLEEPY = RoutedNumber("n-sleepy", ACME, "+14155550102", inbound_agent_id=ASLEEP.id)
THEIRS = RoutedNumber("n-theirs", OTHER, "+14155550900", inbound_agent_id=FOREIGN.id)

TABLE = RoutingTable.build(
    (CARRIER, GERMAN, SHARED), (MAIN, BERLIN, FREE, SLEEPY, THEIRS), (RECEPTION, ASLEEP, FOREIGN)
)
