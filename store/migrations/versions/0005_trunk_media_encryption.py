"""Whether the media of a trunk's calls is encrypted, and how its keys are agreed. Trunks that exist go on in
the clear until somebody says otherwise."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "trunks",
        sa.Column("media_encryption", sa.String(length=16), server_default="disable", nullable=False),
    )
    op.add_column(
        "trunks", sa.Column("srtp_keying", sa.String(length=8), server_default="sdes", nullable=False)
    )


def downgrade() -> None:
    op.drop_column("trunks", "srtp_keying")
    op.drop_column("trunks", "media_encryption")
