"""Test calls over a real store and an engine whose word the test decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.analysis.outcome import outcome_by_facts
from gateway.directory import Directory
from gateway.web_calls import WebCalls
from media.ultravox.call_request import EngineCallback
from store.database import Store
from store.records import CallRecord, TimelineEvent
from tests.gateway.doubles import ScriptedEngine


class SavedCalls:
    """What was saved of each call: its records and the public events, in their order."""

    def __init__(self) -> None:
        self.records: list[CallRecord] = []
        self.events: list[str] = []
        self.steps: list[str] = []

    def __call__(self, record: CallRecord, steps: Sequence[TimelineEvent], names: Sequence[str]) -> None:
        self.records.append(record)
        self.steps += [step.kind for step in steps]
        self.events += names


def web_calls_of(
    store: Store,
    directory: Directory,
    engine: ScriptedEngine,
    saved: SavedCalls | None = None,
    **options: Any,
) -> WebCalls:
    """Nothing is looked at unless the test does it."""
    given: dict[str, Any] = {
        "save": saved or SavedCalls(),
        "price": lambda record: 7,
        "outcome": outcome_by_facts,
        "callback": EngineCallback("https://gateway.example/webhooks/ultravox", "secret-secret-secret"),
        "poll_interval_s": 3600,
        "max_duration_s": 3600,
        "draining": lambda: False,
    }
    return WebCalls(directory=directory, engine=engine, store=store, **given | options)
