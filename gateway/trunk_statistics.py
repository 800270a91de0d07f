"""What became of the calls over each trunk since this gateway started, for metrics and the trunk object."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.target_states import TargetState
from sip.reasons import REASONS
from store.records import CallDirection

MOST_TRUNKS = 1_000  # with labels of their own; the rest is one
OTHER = "other"
NEWEST = 200  # calls of which the answer-seizure ratio is
DELAYS_S = (0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 30.0)


@dataclass(slots=True)
class DirectionFigures:
    """Calls of one direction. `codes` are final answers to INVITEs."""

    attempts: int = 0
    answers: int = 0
    codes: dict[str, int] = field(default_factory=dict)
    newest: deque[bool] = field(default_factory=lambda: deque(maxlen=NEWEST))

    @property
    def answer_seizure_ratio(self) -> float | None:
        """Of the newest calls that are over; None before the first."""
        return sum(self.newest) / len(self.newest) if self.newest else None


@dataclass(slots=True)
class TrunkFigures:
    """Of one trunk. Post-dial delay is from our INVITE to the first sign of the far party."""

    inbound: DirectionFigures = field(default_factory=DirectionFigures)
    outbound: DirectionFigures = field(default_factory=DirectionFigures)
    delays: list[int] = field(default_factory=lambda: [0] * (len(DELAYS_S) + 1))
    delay_sum_s: float = 0.0

    def of(self, direction: CallDirection) -> DirectionFigures:
        return self.inbound if direction is CallDirection.INBOUND else self.outbound

    @property
    def post_dial_delay_s(self) -> float | None:
        """The mean; None before the first."""
        count = sum(self.delays)
        return self.delay_sum_s / count if count else None


class TrunkStatistics(Collector):
    """All trunks. `registered` and `reachable` tell what is known of each by trunk."""

    def __init__(self) -> None:
        self._trunks: dict[str, TrunkFigures] = {}
        self.registered: Callable[[], Mapping[str, bool]] = dict
        self.reachable: Callable[[], Mapping[str, bool]] = dict
        self.targets: Callable[[], Mapping[str, Mapping[TargetState, int]]] = dict

    def of(self, trunk_id: str) -> TrunkFigures | None:
        """What is known of a trunk; None before its first call."""
        return self._trunks.get(trunk_id)

    def attempted(self, trunk_id: str | None, direction: CallDirection) -> None:
        """An INVITE has left, or one was routed."""
        if trunk_id is not None:
            self._figures(trunk_id).of(direction).attempts += 1

    def answered(self, trunk_id: str | None, direction: CallDirection) -> None:
        """The parties are connected."""
        if trunk_id is not None:
            self._figures(trunk_id).of(direction).answers += 1

    def rang(self, trunk_id: str | None, after_s: float) -> None:
        """The far party of a call of ours gave its first sign."""
        if trunk_id is not None:
            figures = self._figures(trunk_id)
            figures.delays[bisect_left(DELAYS_S, after_s)] += 1
            figures.delay_sum_s += after_s

    def over(
        self, trunk_id: str | None, direction: CallDirection, sip_status: int | None, *, answered: bool
    ) -> None:
        """A call that was attempted is over; `sip_status` is the final answer to its INVITE."""
        if trunk_id is not None:
            figures = self._figures(trunk_id).of(direction)
            figures.newest.append(answered)
            code = _code(sip_status)
            figures.codes[code] = figures.codes.get(code, 0) + 1

    def _figures(self, trunk_id: str) -> TrunkFigures:
        found = self._trunks.get(trunk_id)
        if found is None:
            if len(self._trunks) >= MOST_TRUNKS:
                trunk_id = OTHER
            found = self._trunks.setdefault(trunk_id, TrunkFigures())
        return found

    # --- Prometheus -------------------------------------------------------------------------------

    def describe(self) -> Iterator[Metric]:
        return iter(())

    def collect(self) -> Iterator[Metric]:
        labels = ["trunk", "direction"]
        attempts = CounterMetricFamily(
            "trunkline_trunk_attempts", "INVITEs that left or were routed.", labels=labels
        )
        answers = CounterMetricFamily("trunkline_trunk_answers", "Calls that were answered.", labels=labels)
        responses = CounterMetricFamily(
            "trunkline_trunk_responses", "Calls that are over, by the final answer.", labels=[*labels, "code"]
        )
        ratio = GaugeMetricFamily(
            "trunkline_trunk_answer_seizure_ratio", "Answered of the newest calls.", labels=labels
        )
        delay = HistogramMetricFamily(
            "trunkline_trunk_post_dial_delay_seconds",
            "From our INVITE to the far party's first sign.",
            labels=["trunk"],
        )
        for trunk_id, figures in self._trunks.items():
            for direction in (CallDirection.INBOUND, CallDirection.OUTBOUND):
                one = figures.of(direction)
                if not one.attempts:
                    continue
                named = [trunk_id, str(direction)]
                attempts.add_metric(named, one.attempts)
                answers.add_metric(named, one.answers)
                for code, count in one.codes.items():
                    responses.add_metric([*named, code], count)
                if one.answer_seizure_ratio is not None:
                    ratio.add_metric(named, one.answer_seizure_ratio)
            if any(figures.delays):
                delay.add_metric([trunk_id], _buckets(figures.delays), figures.delay_sum_s)
        yield from (attempts, answers, responses, ratio, delay)
        for name, text, states in (
            ("registered", "1 while our registration stands.", self.registered()),
            ("reachable", "1 while the newest OPTIONS was answered.", self.reachable()),
        ):
            gauge = GaugeMetricFamily(f"trunkline_trunk_{name}", text, labels=["trunk"])
            for trunk_id, state in list(states.items())[:MOST_TRUNKS]:
                gauge.add_metric([trunk_id], float(state))
            yield gauge
        targets = GaugeMetricFamily(
            "trunkline_trunk_targets", "Targets in use, by what is known of them.", labels=["trunk", "state"]
        )
        for trunk_id, counts in list(self.targets().items())[:MOST_TRUNKS]:
            for target_state, count in counts.items():
                targets.add_metric([trunk_id, str(target_state)], count)
        yield targets


def _code(sip_status: int | None) -> str:
    """A code that SIP knows, or its class: a far side must not make labels."""
    if sip_status is None:
        return "none"
    return str(sip_status) if sip_status in REASONS else f"{sip_status // 100}xx"


def _buckets(delays: list[int]) -> list[tuple[str, float]]:
    """As Prometheus counts: each with all below it."""
    total = 0
    found = []
    for bound, count in zip((*map(str, DELAYS_S), "+Inf"), delays, strict=True):
        total += count
        found.append((bound, float(total)))
    return found
