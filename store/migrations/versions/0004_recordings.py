"""What became of a call's recording, and where it is kept. Calls that were recorded before are encoded at the
next start."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("calls", sa.Column("recording_status", sa.String(length=16), nullable=True))
    op.add_column("calls", sa.Column("recording_file", sa.Text(), nullable=True))
    op.create_index(
        "ix_calls_recorded",
        "calls",
        ["recording_status", "ended_at"],
        sqlite_where=sa.text("recording_status IS NOT NULL"),
        postgresql_where=sa.text("recording_status IS NOT NULL"),
    )
    op.execute("UPDATE calls SET recording_status = 'processing' WHERE recording_path IS NOT NULL")


def downgrade() -> None:
    op.drop_index("ix_calls_recorded", "calls")
    op.drop_column("calls", "recording_file")
    op.drop_column("calls", "recording_status")
