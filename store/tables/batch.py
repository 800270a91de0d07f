"""Campaigns, their contacts and their attempts."""

from __future__ import annotations

import sqlalchemy as sa

from store.tables.schema import id_column, metadata, reference_column, time_column

batch_calls = sa.Table(
    "batch_calls",
    metadata,
    id_column(primary_key=True),
    reference_column("organization_id", "organizations.id"),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    id_column("agent_id"),  # no foreign key: a campaign that is over outlives its agent
    time_column("created_at"),
    time_column("updated_at"),
    sa.Column("settings", sa.Text, nullable=False),
    sa.Column("contact_count", sa.Integer, nullable=False),
    time_column("started_at", nullable=True),
    time_column("ended_at", nullable=True),
    time_column("resumed_at", nullable=True),
    sa.Column("status_reason", sa.Text),
    sa.Column("statistics", sa.Text),
    sa.Column("assembled", sa.Boolean, nullable=False),  # false: its contacts are being copied
    sa.Column("dialer", sa.String(64)),  # the node that dials it, and until when without renewal
    time_column("dialer_until", nullable=True),
    sa.Index(None, "organization_id", "created_at", "id"),
    sa.Index(None, "status"),
)


batch_contacts = sa.Table(
    "batch_contacts",
    metadata,
    id_column(primary_key=True),
    sa.Column(
        "campaign_id", sa.String(36), sa.ForeignKey("batch_calls.id", ondelete="CASCADE"), nullable=False
    ),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("phone_number", sa.String(32), nullable=False),
    id_column("contact_id", nullable=True),
    sa.Column("variables", sa.Text, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    time_column("scheduled_at", nullable=True),
    sa.Column("attempts", sa.Integer, nullable=False),
    id_column("call_id", nullable=True),
    sa.Column("from_number", sa.String(32)),
    time_column("last_attempt_at", nullable=True),
    time_column("rang_at", nullable=True),
    sa.Column("outcome", sa.Text),
    sa.UniqueConstraint("campaign_id", "phone_number"),
    sa.Index(None, "campaign_id", "position"),
    sa.Index(None, "campaign_id", "state", "scheduled_at", "position"),
)

batch_attempts = sa.Table(
    "batch_attempts",
    metadata,
    id_column("call_id", primary_key=True),
    sa.Column(
        "campaign_id", sa.String(36), sa.ForeignKey("batch_calls.id", ondelete="CASCADE"), nullable=False
    ),
    id_column("contact_id"),
    sa.Column("from_number", sa.String(32), nullable=False),
    time_column("attempted_at"),
    time_column("ended_at", nullable=True),
    sa.Column("outcome", sa.Text),
    sa.Column("technical", sa.Boolean, nullable=False),
    sa.Index(None, "campaign_id", "attempted_at"),
    sa.Index(None, "campaign_id", "ended_at"),
)
