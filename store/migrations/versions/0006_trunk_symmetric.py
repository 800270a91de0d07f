"""Whether a trunk's media goes to where the far side's packets come from; as before unless somebody says
otherwise."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "trunks", sa.Column("symmetric", sa.String(length=8), server_default="auto", nullable=False)
    )


def downgrade() -> None:
    op.drop_column("trunks", "symmetric")
