"""Makes what keeps SIP messages, as the configuration says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.config import Config
from gateway.metrics import GatewayMetrics
from gateway.signalling.hep_export import HepExport
from gateway.signalling.trace_keeper import TraceKeeper
from gateway.signalling.trace_ring import TraceRing
from gateway.signalling.traces import CallTraces
from sip.user_agent import TraceEvent
from store.call_signalling import CallSignallingRepository


class Signalling:
    """The parts, made and joined; `start` and `close` are the gateway's."""

    def __init__(
        self,
        config: Config,
        repository: CallSignallingRepository,
        owners: Callable[[str, str | None], set[str]],
        metrics: GatewayMetrics,
    ) -> None:
        trace = config.trace
        collector = trace.collector()
        self._export: HepExport | None = None
        if collector is not None:
            self._export = HepExport(*collector, capture_id=trace.hep_capture_id, password=trace.hep_password)
        ring = TraceRing(trace.memory_bytes, trace.max_messages)
        self.traces = CallTraces(
            ring, export=self._export, owners=owners, show_digits=config.calls.show_digits
        )
        self._keeper = TraceKeeper(repository, self.traces.in_memory, trace.save, trace.keep_saved)
        self.traces.keeper = self._keeper
        self._wanted = bool(trace.memory_bytes) or collector is not None
        metrics.gauge("trace_bytes", "Memory that traced SIP messages take.", lambda: ring.bytes)
        metrics.gauge("trace_messages", "SIP messages that are kept in memory.", lambda: ring.messages)
        metrics.gauge("trace_conversations", "Call-IDs with messages in memory.", partial(len, ring))
        metrics.registry.register(_Counts(ring, self._keeper, self._export))

    @property
    def observer(self) -> Callable[[TraceEvent], None] | None:
        """What the user agent tells of each message; None where nobody wants to know."""
        return self.traces.observe if self._wanted else None

    def start(self) -> None:
        self._keeper.start()
        if self._export is not None:
            self._export.start()

    async def close(self) -> None:
        """Before the store is closed: what waits is saved."""
        await self._keeper.close()
        if self._export is not None:
            await self._export.close()


class _Counts(Collector):
    """Counters that the parts keep by themselves: they must cost the signalling path nothing."""

    def __init__(self, ring: TraceRing, keeper: TraceKeeper, export: HepExport | None) -> None:
        self._ring = ring
        self._keeper = keeper
        self._export = export

    def describe(self) -> Iterator[Metric]:
        return iter(())

    def collect(self) -> Iterator[Metric]:
        export = self._export
        for name, text, value in (
            ("trace_dropped", "Traced SIP messages that made room for newer ones.", self._ring.dropped),
            ("trace_saves_dropped", "Calls whose SIP messages were not saved.", self._keeper.dropped),
            ("hep_sent", "SIP messages told to the collector.", export.sent if export else 0),
            ("hep_dropped", "SIP messages that the collector missed.", export.dropped if export else 0),
        ):
            family = CounterMetricFamily(f"trunkline_{name}", text)
            family.add_metric([], float(value))
            yield family
