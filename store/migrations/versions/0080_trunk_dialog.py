"""What the far side of a trunk may do in a call."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0080"
down_revision = "0079"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("trunks", sa.Column("dialog", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("trunks", "dialog")
