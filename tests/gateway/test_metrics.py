"""What is counted of calls, and that the documents name what there is."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from gateway.metrics import GatewayMetrics
from media.config import MediaConfig
from media.messages import LegStatistics
from media.worker.supervisor import WorkerPool
from store.records import CallDirection, CallRecord, CallStatus
from tests.gateway.scene import Scene

DOCS = Path(__file__).parents[2] / "docs"
MADE = datetime(2026, 1, 5, tzinfo=UTC)
RECORD = CallRecord(
    id="c",
    organization_id="o",
    status=CallStatus.ENDED,
    direction=CallDirection.INBOUND,
    agent_id="a",
    created_at=MADE,
    started_at=MADE + timedelta(seconds=2),
    ended_at=MADE + timedelta(seconds=62),
    duration_ms=60_000,
)


def test_an_answered_call_is_counted_with_its_delay_and_duration() -> None:
    registry = CollectorRegistry()
    GatewayMetrics(registry).observe_end(RECORD)
    labels = {"direction": "inbound"}
    ended = labels | {"status": "ended", "failure_reason": ""}
    assert registry.get_sample_value("trunkline_calls_total", ended) == 1
    assert registry.get_sample_value("trunkline_answer_delay_seconds_sum", labels) == 2
    assert registry.get_sample_value("trunkline_call_duration_seconds_sum", labels) == 60


def test_a_call_nobody_answered_has_neither_delay_nor_duration() -> None:
    registry = CollectorRegistry()
    failed = replace(
        RECORD, status=CallStatus.FAILED, failure_reason="busy", started_at=None, duration_ms=None
    )
    GatewayMetrics(registry).observe_end(failed)
    labels = {"direction": "inbound", "status": "failed", "failure_reason": "busy"}
    assert registry.get_sample_value("trunkline_calls_total", labels) == 1
    assert registry.get_sample_value("trunkline_answer_delay_seconds_sum", {"direction": "inbound"}) is None


def test_a_gauge_is_read_when_it_is_asked() -> None:
    registry = CollectorRegistry()
    values = [1.0]
    GatewayMetrics(registry).gauge("things", "Things now.", lambda: values[-1])
    values.append(5.0)
    assert registry.get_sample_value("trunkline_things") == 5


async def test_every_metric_the_documents_name_exists_and_every_one_there_is_is_named(scene: Scene) -> None:
    scene.gateway.metrics.watch_workers(WorkerPool(MediaConfig(), 1))
    text = generate_latest(scene.gateway.registry).decode()
    families = set(re.findall(r"^# TYPE (trunkline_\w+) ", text, re.MULTILINE))
    families = {name for name in families if not name.endswith("_created")}
    named = set(re.findall(r"\btrunkline_[a-z_]*[a-z]\b", (DOCS / "operations.md").read_text()))
    assert named - families == set()
    assert families - named == set()


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
