"""Agents say who carries the sound of a call that a browser joins. Test calls so far were joined at the
engine; from now on the gateway carries them, as it does those of all new agents.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0066"
down_revision = "0064"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "agents", sa.Column("browser_mode", sa.String(16), nullable=False, server_default="bridged")
    )


def downgrade() -> None:
    op.drop_column("agents", "browser_mode")
