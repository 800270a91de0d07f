"""What another node, or the next run of this one, needs to go on with a call."""

from __future__ import annotations

import sqlalchemy as sa

from store.tables.schema import id_column, metadata, time_column

call_snapshots = sa.Table(
    "call_snapshots",
    metadata,
    # No foreign key: the call's own row may be written later, when the database was away.
    id_column("call_id", primary_key=True),
    sa.Column("snapshot", sa.LargeBinary, nullable=False),
    time_column("saved_at"),
    sa.Index(None, "saved_at"),
)

call_handovers = sa.Table(
    "call_handovers",
    metadata,
    id_column("call_id", primary_key=True),
    sa.Column("from_node", sa.String(64), nullable=False),
    sa.Column("by_node", sa.String(64)),  # null: nobody has taken the offer
    sa.Column("state", sa.String(16), nullable=False),  # offered, taken, done, refused
    time_column("offered_at"),
)
