"""The SIP messages of calls that are over."""

from __future__ import annotations

import sqlalchemy as sa

from store.tables.schema import id_column, metadata, time_column

call_signalling = sa.Table(
    "call_signalling",
    metadata,
    # No foreign key: the call's own row may be written later, when the database was away.
    id_column("call_id", primary_key=True),
    time_column("saved_at"),
    sa.Column("messages", sa.LargeBinary, nullable=False),
    sa.Index(None, "saved_at"),
)
