"""What each organisation's outbound calls are held to."""

from __future__ import annotations

import sqlalchemy as sa

from store.tables.schema import metadata, time_column

outbound_policies = sa.Table(
    "outbound_policies",
    metadata,
    sa.Column("organization_id", sa.String(36), sa.ForeignKey("organizations.id"), primary_key=True),
    sa.Column("allowed_countries", sa.Text, nullable=False),
    sa.Column("allowed_prefixes", sa.Text, nullable=False),
    sa.Column("allow_premium", sa.Boolean, nullable=False),
    sa.Column("calls_per_minute", sa.Integer),  # null: the gateway's
    sa.Column("cents_per_day", sa.Integer),  # null: the gateway's
    time_column("updated_at"),
)
