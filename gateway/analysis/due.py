"""Whether the transcript of a call that has just ended is to be read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from store.analysis_records import DueAnalysis
from store.records import Agent, CallRecord, CallStatus


class AnalysisPolicy:
    """Called with a call that is over. Reads where somebody spoke and the agent asks for something, if there
    is a model to read (`configured`).
    """

    def __init__(self, agent: Callable[[str], Agent | None], *, configured: bool, max_wait_s: float) -> None:
        self._agent = agent
        self._configured = configured
        self._max_wait = timedelta(seconds=max_wait_s)

    def __call__(self, record: CallRecord) -> DueAnalysis | None:
        if not self._configured or record.status is not CallStatus.ENDED or not record.transcript:
            return None
        agent = self._agent(record.agent_id)
        if agent is None or (agent.success_criteria is None and agent.extraction_schema is None):
            return None
        assert record.ended_at is not None
        return DueAnalysis(
            call_id=record.id,
            success_criteria=agent.success_criteria,
            extraction_schema=agent.extraction_schema,
            created_at=record.ended_at,
            deadline_at=record.ended_at + self._max_wait,
        )
