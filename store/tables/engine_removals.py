"""What is still to be deleted at the voice engine, because its counterpart here is gone."""

from __future__ import annotations

import sqlalchemy as sa

from store.tables.schema import metadata, time_column

engine_removals = sa.Table(
    "engine_removals",
    metadata,
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("engine_id", sa.String(64), primary_key=True),
    time_column("created_at"),
)
