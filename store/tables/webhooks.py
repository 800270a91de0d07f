"""Webhook endpoints, the outbox of events, and the deliveries of one to the other."""

from __future__ import annotations

import sqlalchemy as sa

from store.tables.schema import id_column, metadata, reference_column, time_column

webhook_endpoints = sa.Table(
    "webhook_endpoints",
    metadata,
    id_column(primary_key=True),
    reference_column("organization_id", "organizations.id"),
    # An agent's endpoint goes when the agent goes.
    sa.Column("agent_id", sa.String(36), sa.ForeignKey("agents.id", ondelete="CASCADE")),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("events", sa.Text),  # null: all
    sa.Column("secret", sa.Text, nullable=False),
    sa.Column("previous_secret", sa.Text),
    time_column("previous_secret_until", nullable=True),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("disabled_reason", sa.Text),
    sa.Column("description", sa.Text),
    time_column("created_at"),
    time_column("updated_at"),
    sa.UniqueConstraint("agent_id"),
    sa.Index(None, "organization_id", "created_at", "id"),
)

webhook_events = sa.Table(
    "webhook_events",
    metadata,
    id_column(primary_key=True),
    reference_column("organization_id", "organizations.id"),
    sa.Column("name", sa.String(64), nullable=False),
    id_column("subject_id"),  # the call or campaign whose events keep their order
    time_column("created_at"),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("once_key", sa.String(80)),
    sa.UniqueConstraint("once_key"),
    sa.Index(None, "created_at"),
)

webhook_deliveries = sa.Table(
    "webhook_deliveries",
    metadata,
    # Rises in the order in which the events of one subject were committed.
    sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    id_column("id"),
    sa.Column(
        "endpoint_id",
        sa.String(36),
        sa.ForeignKey("webhook_endpoints.id", ondelete="CASCADE"),
        nullable=False,
    ),
    sa.Column(
        "event_id", sa.String(36), sa.ForeignKey("webhook_events.id", ondelete="CASCADE"), nullable=False
    ),
    id_column("subject_id"),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    time_column("created_at"),
    # Null: waits behind another of its subject, or is over. While it is claimed: when the claim ends.
    time_column("next_attempt_at", nullable=True),
    id_column("claimed_by", nullable=True),
    time_column("last_attempt_at", nullable=True),
    sa.Column("last_status", sa.Integer),
    sa.Column("last_error", sa.Text),
    time_column("finished_at", nullable=True),
    sa.UniqueConstraint("id"),
    sa.UniqueConstraint("event_id", "endpoint_id"),
    sa.Index(None, "endpoint_id", "created_at", "id"),
    sa.Index(None, "endpoint_id", "state", "created_at", "id"),
)
sa.Index(
    "ix_webhook_deliveries_due",
    webhook_deliveries.c.endpoint_id,
    webhook_deliveries.c.next_attempt_at,
    sqlite_where=webhook_deliveries.c.next_attempt_at.is_not(None),
    postgresql_where=webhook_deliveries.c.next_attempt_at.is_not(None),
)
sa.Index(
    "ix_webhook_deliveries_lane",
    webhook_deliveries.c.subject_id,
    webhook_deliveries.c.endpoint_id,
    webhook_deliveries.c.sequence,
    sqlite_where=webhook_deliveries.c.state == sa.literal_column("'pending'"),
    postgresql_where=webhook_deliveries.c.state == sa.literal_column("'pending'"),
)
sa.Index(
    "ix_webhook_deliveries_finished",
    webhook_deliveries.c.state,
    webhook_deliveries.c.finished_at,
    sqlite_where=webhook_deliveries.c.finished_at.is_not(None),
    postgresql_where=webhook_deliveries.c.finished_at.is_not(None),
)
