"""Where calls write down what becomes of them: the state for the store, and the events that tell of it, which
are committed together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gateway.analysis.outcome import certain_outcome, outcome_by_facts
from gateway.call_object import render_call
from gateway.webhooks.event_names import CRM_EVENT, EVENT_OF_STATUS, EventName
from gateway.webhooks.payload import new_event
from store.analysis_records import DueAnalysis
from store.calls import CallNews
from store.records import CallRecord, CallStatus, TimelineEvent
from store.webhook_records import OutboxEvent
from store.writer import CallWriter

RecordingLink = Callable[[CallRecord], str | None]
AnalysisOf = Callable[[CallRecord], DueAnalysis | None]


def no_link(record: CallRecord) -> str | None:
    """No link can be made outside a request."""
    return None


def no_analysis(record: CallRecord) -> DueAnalysis | None:
    """Nobody reads transcripts."""
    return None


class CallJournal:
    """The sink of every `Call`. `analysis_of` tells whether the transcript of a call that is over is to be
    read.
    """

    def __init__(
        self,
        writer: CallWriter,
        recording_link: RecordingLink = no_link,
        analysis_of: AnalysisOf = no_analysis,
    ) -> None:
        self._writer = writer
        self._recording_link = recording_link
        self._analysis_of = analysis_of

    def save(
        self, record: CallRecord, steps: Sequence[TimelineEvent] = (), names: Sequence[str] = ()
    ) -> bool:
        """Take a state of a call with the events that became true with it; False when it was dropped."""
        news: list[CallNews] = []
        for name in names:
            if record.status.terminal and name == EVENT_OF_STATUS[record.status]:
                news += self.end_news(record)
            else:
                news.append(CallNews(self._event(record, name), record.status))
        return self._writer.put(record, steps, news)

    def outcome(self, record: CallRecord) -> str | None:
        """The outcome of a call that has just ended; None when its transcript will tell."""
        return outcome_by_facts(record) if self._analysis_of(record) is None else certain_outcome(record)

    def end_news(self, record: CallRecord) -> list[CallNews]:
        """What a call that is over tells: that it is, and at once or after its transcript was read, what came
        of it. Of the three events that tell of an end only one is ever written.
        """
        due = self._analysis_of(record)
        end = self._event(record, EVENT_OF_STATUS[record.status], once_key=f"{record.id} over")
        news = [CallNews(end, record.status, due)]
        if due is None:
            news += [CallNews(event, record.status) for event in self.result_events(record)]
        return news

    def result_events(self, record: CallRecord) -> list[OutboxEvent]:
        """What tells of a call whose outcome is known."""
        events = []
        if record.status is CallStatus.ENDED:
            events.append(self._event(record, EventName.CALL_ANALYZED, once_key=f"{record.id} analyzed"))
        events.append(
            self._event(record, CRM_EVENT, once_key=f"{record.id} crm", only_agent_id=record.agent_id)
        )
        return events

    def _event(
        self,
        record: CallRecord,
        name: str,
        *,
        once_key: str | None = None,
        only_agent_id: str | None = None,
    ) -> OutboxEvent:
        """The event `name` with the call as it is now."""

        def data() -> dict[str, Any]:
            return render_call(record, self._recording_link(record))

        return new_event(
            record.organization_id, name, record.id, data, once_key=once_key, only_agent_id=only_agent_id
        )
