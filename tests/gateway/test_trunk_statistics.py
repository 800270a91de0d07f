"""What is counted of each trunk."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from gateway.trunk_statistics import MOST_TRUNKS, NEWEST, OTHER, TrunkStatistics
from store.records import CallDirection

OUT, IN = CallDirection.OUTBOUND, CallDirection.INBOUND


def values(statistics: TrunkStatistics) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(statistics)
    return registry


def test_attempts_answers_and_codes_by_direction() -> None:
    statistics = TrunkStatistics()
    for status, answered in ((200, True), (486, False), (486, False), (None, False)):
        statistics.attempted("t", OUT)
        if answered:
            statistics.answered("t", OUT)
        statistics.over("t", OUT, status, answered=answered)
    statistics.attempted("t", IN)
    registry = values(statistics)
    labels = {"trunk": "t", "direction": "outbound"}
    assert registry.get_sample_value("trunkline_trunk_attempts_total", labels) == 4
    assert registry.get_sample_value("trunkline_trunk_answers_total", labels) == 1
    assert registry.get_sample_value("trunkline_trunk_answer_seizure_ratio", labels) == 0.25
    for code, count in (("200", 1), ("486", 2), ("none", 1)):
        assert registry.get_sample_value("trunkline_trunk_responses_total", labels | {"code": code}) == count
    inbound = labels | {"direction": "inbound"}
    assert registry.get_sample_value("trunkline_trunk_attempts_total", inbound) == 1
    assert registry.get_sample_value("trunkline_trunk_answer_seizure_ratio", inbound) is None, "none is over"


def test_the_ratio_is_that_of_the_newest_calls() -> None:
    statistics = TrunkStatistics()
    for _ in range(50):
        statistics.over("t", OUT, 486, answered=False)
    for _ in range(NEWEST):
        statistics.over("t", OUT, 200, answered=True)
    figures = statistics.of("t")
    assert figures is not None
    assert figures.outbound.answer_seizure_ratio == 1.0
    assert figures.inbound.answer_seizure_ratio is None


def test_the_post_dial_delay_is_a_histogram() -> None:
    statistics = TrunkStatistics()
    for seconds in (0.1, 1.5, 1.5, 99.0):
        statistics.rang("t", seconds)
    registry = values(statistics)
    name = "trunkline_trunk_post_dial_delay_seconds"
    for bound, count in (("0.25", 1), ("1.0", 1), ("2.0", 3), ("30.0", 3), ("+Inf", 4)):
        assert registry.get_sample_value(f"{name}_bucket", {"trunk": "t", "le": bound}) == count
    assert registry.get_sample_value(f"{name}_sum", {"trunk": "t"}) == pytest.approx(102.1)
    figures = statistics.of("t")
    assert figures is not None
    assert figures.post_dial_delay_s == pytest.approx(102.1 / 4)


def test_states_of_trunks_are_read_when_they_are_asked() -> None:
    statistics = TrunkStatistics()
    statistics.registered = lambda: {"a": True, "b": False}
    statistics.reachable = lambda: {"c": True}
    registry = values(statistics)
    assert registry.get_sample_value("trunkline_trunk_registered", {"trunk": "a"}) == 1
    assert registry.get_sample_value("trunkline_trunk_registered", {"trunk": "b"}) == 0
    assert registry.get_sample_value("trunkline_trunk_reachable", {"trunk": "c"}) == 1


def test_neither_trunks_nor_peers_make_labels_without_end() -> None:
    statistics = TrunkStatistics()
    for number in range(MOST_TRUNKS + 50):
        statistics.attempted(f"{number}", OUT)
    for status in range(430, 470):
        statistics.over("0", OUT, status, answered=False)
    other = statistics.of(OTHER)
    assert other is not None
    assert other.outbound.attempts == 50
    figures = statistics.of("0")
    assert figures is not None
    assert figures.outbound.codes["4xx"] > 20
    assert b'code="444"' not in generate_latest(values(statistics))


def test_a_call_without_a_trunk_is_not_counted() -> None:
    statistics = TrunkStatistics()
    statistics.attempted(None, IN)
    statistics.answered(None, IN)
    statistics.rang(None, 1.0)
    statistics.over(None, IN, 200, answered=True)
    assert b"trunk=" not in generate_latest(values(statistics))
