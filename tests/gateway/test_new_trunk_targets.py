"""What targets and fail-over of a trunk must fulfil."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.errors import InvalidRequestError
from gateway.new_trunk import NewTrunk, checked_trunk
from store.records import TrunkOutbound
from store.target_records import TrunkFailover, TrunkTarget

GOOD = TrunkOutbound("sip.example.com", targets=(TrunkTarget("a.example.com"), TrunkTarget("b:5080")))


def test_good_targets_are_kept() -> None:
    assert checked_trunk(NewTrunk(name="t", outbound=GOOD)).outbound == GOOD


@pytest.mark.parametrize(
    ("outbound", "field"),
    [
        (replace(GOOD, targets=(TrunkTarget("a b"),)), "outbound.targets.0.address"),
        (replace(GOOD, targets=(TrunkTarget("a", enabled=False),)), "outbound.targets"),
        (replace(GOOD, targets=tuple(TrunkTarget(f"h{one}") for one in range(11))), "outbound.targets"),
        (replace(GOOD, targets=(TrunkTarget("a", weight=70_000),)), "outbound.targets.0.weight"),
        (replace(GOOD, proxy="sip:proxy"), "outbound.proxy"),
        (replace(GOOD, failover=TrunkFailover(codes=(503, 404))), "outbound.failover.codes.1"),
        (replace(GOOD, failover=TrunkFailover(codes=(486,))), "outbound.failover.codes.0"),
        (replace(GOOD, failover=TrunkFailover(codes=(603,))), "outbound.failover.codes.0"),
        (replace(GOOD, failover=TrunkFailover(timeout=0.1)), "outbound.failover.timeout"),
        (replace(GOOD, failover=TrunkFailover(put_aside=9_999)), "outbound.failover.put_aside"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(outbound: TrunkOutbound, field: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        checked_trunk(NewTrunk(name="t", outbound=outbound))
    assert refused.value.details["field"] == field
