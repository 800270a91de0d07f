"""Several targets of a trunk, fail-over between them, and whether redirections are followed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0077"
down_revision = "0076"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("trunks", sa.Column("outbound_targets", sa.Text(), nullable=True))
    op.add_column("trunks", sa.Column("follow_redirects", sa.String(8), nullable=False, server_default="off"))


def downgrade() -> None:
    op.drop_column("trunks", "follow_redirects")
    op.drop_column("trunks", "outbound_targets")
