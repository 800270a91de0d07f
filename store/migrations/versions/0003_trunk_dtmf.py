"""How keys come in over a trunk: as events, as SIP INFO, as tones."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("trunks", sa.Column("dtmf", sa.String(length=16), server_default="auto", nullable=False))


def downgrade() -> None:
    op.drop_column("trunks", "dtmf")
