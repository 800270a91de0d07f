"""Snapshots of calls, from which another node goes on with them, and calls that are handed over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0082"
down_revision = "0081"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "call_snapshots",
        sa.Column("call_id", sa.String(length=36), nullable=False),
        sa.Column("snapshot", sa.LargeBinary(), nullable=False),
        sa.Column("saved_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_call_snapshots")),
    )
    op.create_index(op.f("ix_call_snapshots_saved_at"), "call_snapshots", ["saved_at"])
    op.create_table(
        "call_handovers",
        sa.Column("call_id", sa.String(length=36), nullable=False),
        sa.Column("from_node", sa.String(length=64), nullable=False),
        sa.Column("by_node", sa.String(length=64), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("offered_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_call_handovers")),
    )


def downgrade() -> None:
    op.drop_table("call_handovers")
    op.drop_index(op.f("ix_call_snapshots_saved_at"), "call_snapshots")
    op.drop_table("call_snapshots")
