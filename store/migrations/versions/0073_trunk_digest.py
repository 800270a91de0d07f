"""Whom a trunk's inbound side challenges: user and the hashes of his password, and whether a source network
is needed beside."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0073"
down_revision = "0071"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("trunks", sa.Column("inbound_digest_username", sa.String(length=64), nullable=True))
    op.add_column("trunks", sa.Column("inbound_digest_sha256", sa.String(length=64), nullable=True))
    op.add_column("trunks", sa.Column("inbound_digest_md5", sa.String(length=32), nullable=True))
    op.add_column(
        "trunks", sa.Column("inbound_match", sa.String(length=8), server_default="all", nullable=False)
    )
    op.create_index(
        op.f("ix_trunks_inbound_digest_username"), "trunks", ["inbound_digest_username"], unique=True
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_trunks_inbound_digest_username"), table_name="trunks")
    for name in ("inbound_match", "inbound_digest_md5", "inbound_digest_sha256", "inbound_digest_username"):
        op.drop_column("trunks", name)
