"""Where calls write down what becomes of them: the state for the store, and the events that tell of it, which
are committed together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gateway.call_object import render_call
from gateway.webhooks.payload import new_event
from store.calls import CallNews
from store.records import CallRecord, TimelineEvent
from store.writer import CallWriter

RecordingLink = Callable[[CallRecord], str | None]


def no_link(record: CallRecord) -> str | None:
    """No link can be made outside a request."""
    return None


class CallJournal:
    """The sink of every `Call`."""

    def __init__(self, writer: CallWriter, recording_link: RecordingLink = no_link) -> None:
        self._writer = writer
        self._recording_link = recording_link

    def save(
        self, record: CallRecord, steps: Sequence[TimelineEvent] = (), names: Sequence[str] = ()
    ) -> bool:
        """Take a state of a call with the events that became true with it; False when it was dropped."""
        return self._writer.put(record, steps, [self.news(record, name) for name in names])

    def news(self, record: CallRecord, name: str) -> CallNews:
        """The event `name` with the call as it is now. Of the three events that tell of a call's end only
        one is ever written.
        """

        def data() -> dict[str, Any]:
            return render_call(record, self._recording_link(record))

        over = record.status.terminal and name == f"call.{record.status}"
        return CallNews(
            new_event(
                record.organization_id,
                name,
                record.id,
                data,
                once_key=f"{record.id} over" if over else None,
            ),
            record.status,
        )
