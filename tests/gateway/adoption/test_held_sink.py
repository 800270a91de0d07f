"""What happens to a call before it is ours is told afterwards, or never."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.adoption.held_sink import HeldSink
from store.records import CallRecord, TimelineEvent
from tests.store.samples import call


class Told:
    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, record: CallRecord, steps: Sequence[TimelineEvent], names: Sequence[str], /) -> object:
        self.names += names
        return None


def test_what_was_held_back_is_told_in_order_and_what_follows_at_once() -> None:
    told, record = Told(), call("o1")
    sink = HeldSink(told)
    sink(record, [], ["first"])
    sink(record, [], ["second"])
    assert told.names == []
    sink.open()
    assert told.names == ["first", "second"]
    sink(record, [], ["third"])
    sink.open()
    assert told.names == ["first", "second", "third"]
