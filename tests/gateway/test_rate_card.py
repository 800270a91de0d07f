from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.configuration.calls import CarrierRate, RatesSection
from gateway.rate_card import BilledCall, RateCard


def call(
    duration_ms: int | None = 60_000,
    *,
    far_number: str | None = "+442079460018",
    managed: bool = False,
    trunk: str = "Carrier",
) -> BilledCall:
    return BilledCall(duration_ms, far_number, "trunk-id", trunk, managed)


@pytest.mark.parametrize(
    ("duration_ms", "cents"),
    [(None, 0), (0, 0), (1, 3), (6_000, 3), (6_001, 6), (60_000, 30), (183_000, 93), (183_001, 93)],
)
def test_the_engine_is_billed_by_its_increment_and_a_started_cent_counts(
    duration_ms: int | None, cents: int
) -> None:
    card = RateCard(RatesSection(engine_cents_per_minute=30))
    assert card.price(call(duration_ms)) == cents


def test_amounts_are_exact_until_the_end() -> None:
    card = RateCard(RatesSection(engine_cents_per_minute=0.1, engine_increment=60))
    assert card.price(call(10 * 60_000)) == 1  # ten times 0.1 in floating point would be more


CARRIER = (
    CarrierRate(cents_per_minute=2),
    CarrierRate(prefix="+44", cents_per_minute=3),
    CarrierRate(prefix="+447", cents_per_minute=20),
    CarrierRate(trunk="Premium", prefix="+4", cents_per_minute=50),
)


@pytest.mark.parametrize(
    ("billed", "cents"),
    [
        (call(), 5),  # one's own carrier: the engine alone
        (call(managed=True), 8),
        (call(managed=True, far_number="+447911123456"), 25),
        (call(managed=True, far_number="+14155550123"), 7),
        (call(managed=True, far_number=None), 7),
        (call(1, managed=True), 4),  # 6 s of the engine, a whole minute of the carrier
        (call(trunk="Premium"), 55),
        (call(trunk="Premium", managed=True), 55),
        (call(trunk="Premium", far_number="+14155550123"), 5),
    ],
)
def test_the_carrier_counts_by_trunk_and_longest_prefix(billed: BilledCall, cents: int) -> None:
    assert RateCard(RatesSection(carrier=CARRIER)).price(billed) == cents


def test_an_agent_that_left_before_the_end_costs_until_then_and_the_carrier_to_the_end() -> None:
    card = RateCard(RatesSection(engine_cents_per_minute=30, carrier=(CarrierRate(cents_per_minute=2),)))
    joined = replace(call(120_000, managed=True), engine_ms=60_000)
    assert card.price(joined) == 30 + 2 * 2
