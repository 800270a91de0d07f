"""Targets as the column holds them."""

from __future__ import annotations

from dataclasses import replace

from store.records import TrunkOutbound
from store.target_records import TrunkFailover, TrunkTarget, TrunkTransport
from store.trunk_targets import targets_fields, targets_text


def test_a_trunk_without_targets_takes_no_room() -> None:
    assert targets_text(TrunkOutbound("a")) is None
    assert targets_fields(None) == {}


def test_what_is_kept_comes_back() -> None:
    outbound = TrunkOutbound(
        "a",
        targets=(TrunkTarget("b", TrunkTransport.TCP, 1, 2), TrunkTarget("c", enabled=False)),
        proxy="p:5070",
        failover=TrunkFailover((503,), 2.5, 30),
    )
    assert replace(TrunkOutbound("a"), **targets_fields(targets_text(outbound))) == outbound
