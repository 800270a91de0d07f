"""Calls whose transcripts are to be read: a row each, until that is done."""

from __future__ import annotations

import sqlalchemy as sa

from store.tables.schema import id_column, metadata, time_column

call_analyses = sa.Table(
    "call_analyses",
    metadata,
    sa.Column("call_id", sa.String(36), sa.ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("success_criteria", sa.Text),
    sa.Column("extraction_schema", sa.Text),
    time_column("created_at"),
    time_column("deadline_at"),
    time_column("next_attempt_at"),  # while it is claimed: when the claim ends
    sa.Column("attempts", sa.Integer, nullable=False),
    id_column("claimed_by", nullable=True),
    sa.Index(None, "next_attempt_at"),
)
