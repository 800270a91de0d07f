"""STIR/SHAKEN of a trunk: whether callers' signed identity is checked, and whether our calls are signed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0076"
down_revision = "0073"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("trunks", sa.Column("stir", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("trunks", "stir")
