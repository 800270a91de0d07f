"""A call's newest transfer: how, to whom, and what became of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0081"
down_revision = "0080"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("calls", sa.Column("transfer", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("calls", "transfer")
