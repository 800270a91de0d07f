"""Writing down which calls are to be read; `store.call_analyses` has what follows."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from store.analysis_records import DueAnalysis
from store.columns import to_json_or_none, to_microseconds
from store.connection import Database
from store.tables import call_analyses


async def put_due(database: Database, connection: AsyncConnection, analyses: Sequence[DueAnalysis]) -> None:
    """Write down what is due, in the transaction in which the calls end. Twice is harmless."""
    rows = [
        {
            "call_id": due.call_id,
            "success_criteria": due.success_criteria,
            "extraction_schema": to_json_or_none(due.extraction_schema),
            "created_at": to_microseconds(due.created_at),
            "deadline_at": to_microseconds(due.deadline_at),
            "next_attempt_at": to_microseconds(due.created_at),
            "attempts": 0,
        }
        for due in analyses
    ]
    if rows:
        await connection.execute(database.insert(call_analyses).on_conflict_do_nothing(), rows)
