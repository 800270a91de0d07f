"""The SIP messages of calls that are over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0071"
down_revision = "0068"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "call_signalling",
        sa.Column("call_id", sa.String(length=36), nullable=False),
        sa.Column("saved_at", sa.BigInteger(), nullable=False),
        sa.Column("messages", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_call_signalling")),
    )
    op.create_index(op.f("ix_call_signalling_saved_at"), "call_signalling", ["saved_at"])


def downgrade() -> None:
    op.drop_table("call_signalling")
