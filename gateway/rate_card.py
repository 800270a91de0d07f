"""What a call costs: the engine by its increment, the carrier by trunk and prefix.

A customer's own carrier bills the customer, so that only the engine counts; a carrier rate applies to managed
numbers, and to any trunk that a rate names.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from gateway.configuration.calls import CarrierRate, RatesSection


@dataclass(frozen=True, slots=True)
class BilledCall:
    """What of a call decides its price. `duration_ms` is from answer to hang-up, `None` when nobody answered;
    `far_number` the other party in E.164.
    """

    duration_ms: int | None
    far_number: str | None
    trunk_id: str | None
    trunk_name: str | None
    managed: bool
    engine_ms: int | None = None  # for how long the agent was there, when it left before the end


class RateCard:
    """Prices calls. Amounts are exact until the end, where a started cent counts whole."""

    def __init__(self, rates: RatesSection) -> None:
        self._rates = rates

    def price(self, call: BilledCall) -> int:
        """US cents."""
        if call.duration_ms is None:
            return 0
        engine_ms = call.duration_ms if call.engine_ms is None else min(call.engine_ms, call.duration_ms)
        cents = _cost(engine_ms, self._rates.engine_cents_per_minute, self._rates.engine_increment)
        carrier = self._carrier_rate(call)
        if carrier is not None:
            cents += _cost(call.duration_ms, carrier.cents_per_minute, carrier.increment)
        return math.ceil(cents)

    def _carrier_rate(self, call: BilledCall) -> CarrierRate | None:
        """The best fit: a rate that names the trunk before one that does not, then the longest prefix."""
        far_number = call.far_number or ""
        fitting = [
            rate
            for rate in self._rates.carrier
            if far_number.startswith(rate.prefix)
            and (call.managed if rate.trunk is None else rate.trunk in (call.trunk_id, call.trunk_name))
        ]
        return _best(fitting)


def _best(rates: Sequence[CarrierRate]) -> CarrierRate | None:
    return max(rates, key=lambda rate: (rate.trunk is not None, len(rate.prefix)), default=None)


def _cost(duration_ms: int, cents_per_minute: float, increment_s: float) -> Fraction:
    """Cents for a duration rounded up to whole increments (seconds)."""
    increment_ms = Fraction(str(increment_s)) * 1000
    increments = math.ceil(Fraction(duration_ms) / increment_ms)
    return increments * increment_ms * Fraction(str(cents_per_minute)) / 60_000
