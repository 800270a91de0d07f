"""Contacts that have registered with us."""

from __future__ import annotations

import sqlalchemy as sa

from store.tables.schema import metadata, time_column

registrations = sa.Table(
    "registrations",
    metadata,
    # No reference: it is written behind, and may come when the trunk is gone.
    sa.Column("trunk_id", sa.String(36), primary_key=True),
    sa.Column("node_id", sa.String(64), primary_key=True),
    sa.Column("contacts", sa.Text, nullable=False),
    time_column("expires_at"),
    sa.Index(None, "node_id"),
)
