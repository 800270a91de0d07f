"""What is turned away without a word."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter


class DefenceMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.dropped = Counter(
            "trunkline_sip_dropped",
            "Requests that were not answered: banned, rate, scanner, unknown.",
            ["reason"],
            registry=registry,
        )
