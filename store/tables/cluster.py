"""What several gateways on one database know of one another."""

from __future__ import annotations

import sqlalchemy as sa

from store.tables.schema import metadata, time_column

nodes = sa.Table(
    "nodes",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("run_id", sa.String(36), nullable=False),  # new with each start
    sa.Column("url", sa.Text),  # null: the others cannot reach it
    time_column("started_at"),
    time_column("seen_at"),
)

leaderships = sa.Table(
    "leaderships",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("node_id", sa.String(64), nullable=False),
    sa.Column("run_id", sa.String(36), nullable=False),
    sa.Column("term", sa.BigInteger, nullable=False),  # rises with each change of the leader
    time_column("expires_at"),
)

revisions = sa.Table(
    "revisions",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)
