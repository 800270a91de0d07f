"""The sink of a call that is not ours yet: what happens to it is kept back until it is."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.call import ChangeSink
from store.records import CallRecord, TimelineEvent


class HeldSink:
    """`open` it when the call has become ours; one that never does leaves no trace."""

    def __init__(self, sink: ChangeSink) -> None:
        self._sink = sink
        self._held: list[tuple[CallRecord, Sequence[TimelineEvent], Sequence[str]]] | None = []

    def __call__(self, record: CallRecord, steps: Sequence[TimelineEvent], names: Sequence[str], /) -> object:
        if self._held is None:
            return self._sink(record, steps, names)
        self._held.append((record, steps, names))
        return True

    def open(self) -> None:
        held, self._held = self._held, None
        for record, steps, names in held or ():
            self._sink(record, steps, names)
