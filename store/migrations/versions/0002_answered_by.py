"""Who answered a call: a person or a machine, as far as the detector could tell."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("calls", sa.Column("answered_by", sa.String(length=16), nullable=True))


def downgrade() -> None:
    op.drop_column("calls", "answered_by")
