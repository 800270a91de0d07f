"""How many calls a trunk and a number may carry at once; those that were there before: as many as come."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("trunks", sa.Column("max_concurrent_calls", sa.Integer(), nullable=True))
    op.add_column("phone_numbers", sa.Column("max_concurrent_calls", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("phone_numbers", "max_concurrent_calls")
    op.drop_column("trunks", "max_concurrent_calls")
