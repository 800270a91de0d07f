"""Every metric of the gateway, declared in one place. Labels never carry numbers or ids of calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from media.messages import LegStatistics
from media.worker.supervisor import WorkerPool, WorkerStatus
from store.records import CallRecord

MOS = (1.0, 1.5, 2.0, 2.5, 3.0, 3.3, 3.6, 3.8, 4.0, 4.1, 4.2, 4.3, 4.4, 4.5)
JITTER_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2)
LOSS = (0.0, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5)
TURN_S = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0)
SHORT_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LONG_S = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)


class GatewayMetrics:
    """Counters and histograms of calls; gauges read their value when they are asked."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.calls_total = Counter(
            "trunkline_calls",
            "Calls that reached a terminal status.",
            ["direction", "status", "failure_reason"],
            registry=registry,
        )
        self.rejections_total = Counter(
            "trunkline_rejections", "INVITEs refused before they became a call.", ["kind"], registry=registry
        )
        self.answer_delay = Histogram(
            "trunkline_answer_delay_seconds",
            "From the creation of a call to its answer.",
            ["direction"],
            buckets=SHORT_S + LONG_S[2:5],
            registry=registry,
        )
        self.queue_wait = Histogram(
            "trunkline_queue_wait_seconds",
            "From the creation of an outbound call to the moment it is dialled.",
            buckets=SHORT_S + LONG_S[2:5],
            registry=registry,
        )
        self.call_duration = Histogram(
            "trunkline_call_duration_seconds",
            "From answer to end.",
            ["direction"],
            buckets=LONG_S,
            registry=registry,
        )
        self.first_audio = Histogram(
            "trunkline_first_audio_seconds",
            "From answer to the agent's first packet.",
            buckets=SHORT_S,
            registry=registry,
        )
        self.engine_connect = Histogram(
            "trunkline_engine_connect_seconds",
            "Opening the engine's socket.",
            buckets=SHORT_S,
            registry=registry,
        )
        self.engine_create = Histogram(
            "trunkline_engine_create_seconds",
            "Creating the engine's call.",
            buckets=SHORT_S,
            registry=registry,
        )
        self.adoptions = Counter(
            "trunkline_call_adoptions",
            "Calls of other nodes and earlier runs by what became of them: adopted, handed-over, failed.",
            ["result"],
            registry=registry,
        )
        self.recordings = Counter(
            "trunkline_recordings",
            "Recordings by what became of them: ready, failed, deleted.",
            ["result"],
            registry=registry,
        )
        self.recording_encode = Histogram(
            "trunkline_recording_encode_seconds",
            "Encoding a recording after its call, the wait for its turn included.",
            buckets=SHORT_S[6:] + LONG_S[2:],
            registry=registry,
        )
        self.analyses = Counter(
            "trunkline_analyses",
            "Transcripts by what came of reading them: done, failed, late.",
            ["result"],
            registry=registry,
        )
        self.webhook_deliveries = Counter(
            "trunkline_webhook_deliveries",
            "Webhook requests by what came of them: delivered, retried, dead.",
            ["outcome"],
            registry=registry,
        )
        self.webhook_lag = Histogram(
            "trunkline_webhook_lag_seconds",
            "From an event to its delivery.",
            buckets=SHORT_S[2:] + LONG_S[2:] + (7200.0, 21600.0, 43200.0),
            registry=registry,
        )
        self.engine_recoveries = Counter(
            "trunkline_engine_recoveries",
            "Attempts to go on after the engine was lost in mid-call.",
            registry=registry,
        )
        self.mos = Histogram(
            "trunkline_call_mos",
            "Average mean opinion score (E-model) of what calls sent us.",
            ["codec"],
            buckets=MOS,
            registry=registry,
        )
        self.jitter = Histogram(
            "trunkline_call_jitter_seconds",
            "Interarrival jitter of calls when they ended.",
            buckets=JITTER_S,
            registry=registry,
        )
        self.loss = Histogram(
            "trunkline_call_loss_ratio",
            "Share of a call's packets that never reached us.",
            buckets=LOSS,
            registry=registry,
        )
        self.turn_latency = Histogram(
            "trunkline_turn_latency_seconds",
            "From the end of the caller's speech to the agent's first audible packet.",
            buckets=TURN_S,
            registry=registry,
        )
        self.barge_in = Histogram(
            "trunkline_barge_in_seconds",
            "From the begin of the caller's speech to the agent's silence.",
            buckets=TURN_S,
            registry=registry,
        )
        self.answered_by = Counter(
            "trunkline_answered_by",
            "Who answered outbound calls, as far as the detector could tell.",
            ["answered_by"],
            registry=registry,
        )
        self.diagnoses = Counter(
            "trunkline_call_diagnoses",
            "Calls that ended with a fault, by its name.",
            ["diagnosis"],
            registry=registry,
        )
        self._tool_uses = Counter(
            "trunkline_tool_uses",
            "Tools that agents asked the gateway for.",
            ["outcome"],
            registry=registry,
        )
        self._campaign_attempts = Counter(
            "trunkline_campaign_attempts",
            "Calls of campaigns that are over, by their outcome.",
            ["outcome"],
            registry=registry,
        )
        self.campaign_breaks = Counter(
            "trunkline_campaign_breaks",
            "Campaigns paused because most of their last calls failed technically.",
            registry=registry,
        )
        self.barge_ins = Counter(
            "trunkline_barge_ins", "Times a caller interrupted the agent.", registry=registry
        )

    def observe_tool(self, outcome: str) -> None:
        """`ok`, `failed` or `unknown`."""
        self._tool_uses.labels(outcome).inc()

    def watch_workers(self, pool: WorkerPool) -> None:
        """A gauge or counter for each figure of each media worker, read at each scrape."""
        self.registry.register(_WorkerFigures(pool))

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """A gauge whose value is read at each scrape."""
        Gauge(f"trunkline_{name}", text, registry=self.registry).set_function(read)

    def observe_campaign_attempt(self, outcome: str) -> None:
        self._campaign_attempts.labels(outcome).inc()

    def observe_dialled(self, record: CallRecord) -> None:
        self.queue_wait.observe((datetime.now(UTC) - record.created_at).total_seconds())

    def observe_first_audio(self, record: CallRecord) -> None:
        if record.started_at is not None:
            self.first_audio.observe((datetime.now(UTC) - record.started_at).total_seconds())

    def observe_turn(self, what: str, took_ms: int) -> None:
        """A measured turn or barge-in."""
        (self.turn_latency if what == "turn" else self.barge_in).observe(took_ms / 1000)

    def observe_leg(self, statistics: LegStatistics) -> None:
        """A leg's last figures."""
        if statistics.mos_average is not None:
            self.mos.labels(statistics.codec or "").observe(statistics.mos_average)
        expected = statistics.packets_received + statistics.packets_lost
        if expected:
            self.jitter.observe(statistics.jitter_ms / 1000)
            self.loss.observe(statistics.packets_lost / expected)
        if statistics.diagnosis is not None:
            self.diagnoses.labels(statistics.diagnosis).inc()

    def observe_end(self, record: CallRecord) -> None:
        self.calls_total.labels(record.direction, record.status, record.failure_reason or "").inc()
        if record.started_at is not None:
            self.answer_delay.labels(record.direction).observe(
                (record.started_at - record.created_at).total_seconds()
            )
        if record.duration_ms is not None:
            self.call_duration.labels(record.direction).observe(record.duration_ms / 1000)


_Figure = tuple[str, str, Callable[[WorkerStatus], float]]

_WORKER_GAUGES: tuple[_Figure, ...] = (
    ("up", "1 while the media worker serves.", lambda worker: worker.up),
    ("accepting", "1 while it takes new calls.", lambda worker: worker.state == "ok"),
    ("legs", "Its media legs now.", lambda worker: worker.legs),
    ("ports_free", "Legs for which it has ports.", lambda worker: worker.ports_free),
    ("cpu_share", "Processor cores it uses, over the last seconds.", lambda worker: worker.cpu_share),
    ("leg_cpu_share", "What one leg counts for its admission.", lambda worker: worker.leg_share),
    ("lag_seconds", "How late its clock was at worst in half a second.", lambda w: w.worst_lateness_s),
    (
        "collection_seconds",
        "Its longest garbage collection in half a second.",
        lambda w: w.longest_collection_s,
    ),
    ("memory_bytes", "Its resident memory.", lambda worker: worker.rss_bytes),
)
# Of the process that serves now: they begin anew when it is replaced, which Prometheus reckons with.
_WORKER_COUNTERS: tuple[_Figure, ...] = (
    ("late_ticks", "Ticks of its clock more than 5 ms late.", lambda worker: worker.late_ticks),
    ("messages_dropped", "Messages dropped since its link was full.", lambda worker: worker.messages_dropped),
    ("recording_frames_dropped", "Frames not recorded: slow disk.", lambda w: w.recording_frames_dropped),
    ("restarts", "Times it was replaced.", lambda worker: worker.restarts),
    ("stalls", "Times it was ended since it did not answer.", lambda worker: worker.stalls),
)


class _WorkerFigures(Collector):
    """The figures of all workers, one label for the worker."""

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool

    def describe(self) -> Iterator[Metric]:
        return iter(())

    def collect(self) -> Iterator[Metric]:
        workers = self._pool.workers
        families: tuple[tuple[type[GaugeMetricFamily | CounterMetricFamily], tuple[_Figure, ...]], ...] = (
            (GaugeMetricFamily, _WORKER_GAUGES),
            (CounterMetricFamily, _WORKER_COUNTERS),
        )
        for family, figures in families:
            for name, text, read in figures:
                metric = family(f"trunkline_media_worker_{name}", text, labels=["worker"])
                for worker in workers:
                    metric.add_metric([str(worker.index)], float(read(worker)))
                yield metric
