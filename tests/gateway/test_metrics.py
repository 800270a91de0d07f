from prometheus_client import CollectorRegistry

from gateway.metrics import GatewayMetrics
from media.messages import LegStatistics


def observed(statistics: LegStatistics) -> CollectorRegistry:
    registry = CollectorRegistry()
    GatewayMetrics(registry).observe_leg(statistics)
    return registry


def test_the_figures_of_a_leg_become_histograms() -> None:
    value = observed(
        LegStatistics(codec="PCMU", packets_received=990, packets_lost=10, jitter_ms=4.0, mos_average=4.2)
    ).get_sample_value
    assert value("trunkline_call_mos_sum", {"codec": "PCMU"}) == 4.2
    assert value("trunkline_call_jitter_seconds_sum") == 0.004
    assert value("trunkline_call_loss_ratio_sum") == 0.01
    assert value("trunkline_call_loss_ratio_bucket", {"le": "0.005"}) == 0


def test_a_leg_that_heard_nothing_counts_as_a_fault_but_not_as_bad_sound() -> None:
    value = observed(LegStatistics(diagnosis="no-packets")).get_sample_value
    assert value("trunkline_call_diagnoses_total", {"diagnosis": "no-packets"}) == 1
    assert value("trunkline_call_jitter_seconds_count") == 0
    assert value("trunkline_call_mos_count", {"codec": ""}) is None


def test_turns_and_barge_ins_are_seconds() -> None:
    registry = CollectorRegistry()
    metrics = GatewayMetrics(registry)
    metrics.observe_turn("turn", 700)
    metrics.observe_turn("barge-in", 90)
    assert registry.get_sample_value("trunkline_turn_latency_seconds_sum") == 0.7
    assert registry.get_sample_value("trunkline_barge_in_seconds_sum") == 0.09
