"""What a call's transcript told, and the calls whose transcripts are to be read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("calls", sa.Column("analysis", sa.Text(), nullable=True))
    op.add_column("calls", sa.Column("analyzed_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "call_analyses",
        sa.Column("call_id", sa.String(length=36), nullable=False),
        sa.Column("success_criteria", sa.Text(), nullable=True),
        sa.Column("extraction_schema", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("deadline_at", sa.BigInteger(), nullable=False),
        sa.Column("next_attempt_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("claimed_by", sa.String(length=36), nullable=True),
        sa.PrimaryKeyConstraint("call_id", name="pk_call_analyses"),
        sa.ForeignKeyConstraint(
            ["call_id"], ["calls.id"], name="fk_call_analyses_call_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_call_analyses_next_attempt_at", "call_analyses", ["next_attempt_at"])


def downgrade() -> None:
    op.drop_table("call_analyses")
    op.drop_column("calls", "analyzed_at")
    op.drop_column("calls", "analysis")
