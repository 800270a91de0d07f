from __future__ import annotations

from gateway.cluster.call_limits import CallLimits
from gateway.cluster.limits import Counted, Limit
from routing.table import RoutedNumber, RoutedTrunk

NUMBER = RoutedNumber("n", "o", "+14155550100")
TRUNK = RoutedTrunk("t", "o", "carrier")


def test_where_nothing_is_limited_there_is_nothing_to_ask() -> None:
    assert CallLimits().of("o", TRUNK, NUMBER) == ()
    assert CallLimits().of("o", None, NUMBER) == ()


def test_every_limit_of_a_call_is_named() -> None:
    limited_number = RoutedNumber("n", "o", "+14155550100", max_calls=2)
    limited_trunk = RoutedTrunk("t", "o", "carrier", max_calls=30)
    assert CallLimits(in_cluster=1_000, per_organization=100).of("o", limited_trunk, limited_number) == (
        Limit(Counted.NUMBER, "n", 2),
        Limit(Counted.TRUNK, "t", 30),
        Limit(Counted.ORGANIZATION, "o", 100),
        Limit(Counted.CLUSTER, "", 1_000),
    )
