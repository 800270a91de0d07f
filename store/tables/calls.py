"""Calls and their timelines."""

from __future__ import annotations

import sqlalchemy as sa

from store.tables.schema import id_column, metadata, reference_column, time_column

UNFINISHED_STATUSES = ("queued", "ringing", "in-progress")

calls = sa.Table(
    "calls",
    metadata,
    id_column(primary_key=True),
    reference_column("organization_id", "organizations.id"),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("direction", sa.String(16), nullable=False),
    # No foreign keys to agents and trunks: a call outlives what it was made with.
    id_column("agent_id"),
    time_column("created_at"),
    sa.Column("phone_number", sa.Text),
    sa.Column("from_number", sa.Text),
    id_column("trunk_id", nullable=True),
    time_column("started_at", nullable=True),
    time_column("ended_at", nullable=True),
    sa.Column("duration_ms", sa.BigInteger),
    sa.Column("transcript", sa.Text),
    sa.Column("recording_path", sa.Text),
    sa.Column("cost_cents", sa.BigInteger),
    sa.Column("outcome", sa.Text),
    sa.Column("variables", sa.Text, nullable=False),
    sa.Column("metadata", sa.Text, nullable=False),
    sa.Column("call_settings", sa.Text, nullable=False),
    sa.Column("failure_reason", sa.Text),
    sa.Column("end_reason", sa.Text),
    sa.Column("cancelled_from", sa.Text),
    sa.Column("sip_call_id", sa.Text),
    sa.Column("sip_status", sa.Integer),
    sa.Column("sip_reason", sa.Text),
    sa.Column("sip_from", sa.Text),
    sa.Column("engine_call_id", sa.Text),
    sa.Column("statistics", sa.Text),
    sa.Column("answered_by", sa.String(16)),
    sa.Column("recording_status", sa.String(16)),  # null: none
    sa.Column("recording_file", sa.Text),
    sa.Column("engine_billed_ms", sa.BigInteger),
    sa.Column("node_id", sa.String(64)),  # null: written before there were nodes
    sa.Column("analysis", sa.Text),
    sa.Column("transfer", sa.Text),
    time_column("analyzed_at", nullable=True),  # when the analysis was written, which then has the outcome
    sa.Column("sip_details", sa.Text),  # null: nothing was told beside the status
    sa.Index(None, "organization_id", "created_at", "id"),
    sa.Index(None, "organization_id", "status", "created_at", "id"),
    sa.Index(None, "organization_id", "agent_id", "created_at", "id"),
    sa.Index(None, "organization_id", "phone_number", "created_at", "id"),
    sa.Index(None, "organization_id", "from_number", "created_at", "id"),
    sa.Index(None, "organization_id", "outcome", "created_at", "id"),
)
sa.Index(
    "ix_calls_unfinished",
    calls.c.created_at,
    sqlite_where=calls.c.status.in_(UNFINISHED_STATUSES),
    postgresql_where=calls.c.status.in_(UNFINISHED_STATUSES),
)
sa.Index(
    "ix_calls_recorded",
    calls.c.recording_status,
    calls.c.ended_at,
    sqlite_where=calls.c.recording_status.is_not(None),
    postgresql_where=calls.c.recording_status.is_not(None),
)

call_timeline = sa.Table(
    "call_timeline",
    metadata,
    sa.Column("call_id", sa.String(36), sa.ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("t_ms", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sqlite_with_rowid=False,  # the rows of one call lie together
)
