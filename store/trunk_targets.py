"""A trunk's targets as the column holds them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TypedDict

from store.columns import from_json, to_json
from store.records import TrunkOutbound
from store.target_records import TrunkFailover, TrunkTarget, TrunkTransport


class TargetFields(TypedDict, total=False):
    """The fields of `TrunkOutbound` that stand in the column."""

    targets: tuple[TrunkTarget, ...]
    proxy: str | None
    failover: TrunkFailover


def targets_text(outbound: TrunkOutbound) -> str | None:
    """None where nothing differs from the defaults."""
    if not outbound.targets and outbound.proxy is None and outbound.failover == TrunkFailover():
        return None
    return to_json(
        {
            "targets": [asdict(target) for target in outbound.targets],
            "proxy": outbound.proxy,
            "failover": asdict(outbound.failover),
        }
    )


def targets_fields(text: str | None) -> TargetFields:
    """As they were kept."""
    if text is None:
        return {}
    kept = from_json(text)
    failover = kept["failover"]
    return {
        "targets": tuple(
            TrunkTarget(
                address=one["address"],
                transport=None if one["transport"] is None else TrunkTransport(one["transport"]),
                priority=one["priority"],
                weight=one["weight"],
                enabled=one["enabled"],
            )
            for one in kept["targets"]
        ),
        "proxy": kept["proxy"],
        "failover": TrunkFailover(tuple(failover["codes"]), failover["timeout"], failover["put_aside"]),
    }
