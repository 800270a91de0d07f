"""Who may register with us, calls to whoever has, and the Contacts that are registered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0079"
down_revision = "0078"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("trunks", sa.Column("inbound_registrar", sa.Text(), nullable=True))
    op.add_column("trunks", sa.Column("outbound_to_registered", sa.String(length=8), nullable=True))
    op.create_table(
        "registrations",
        sa.Column("trunk_id", sa.String(length=36), nullable=False),
        sa.Column("node_id", sa.String(length=64), nullable=False),
        sa.Column("contacts", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("trunk_id", "node_id", name=op.f("pk_registrations")),
    )
    op.create_index(op.f("ix_registrations_node_id"), "registrations", ["node_id"])


def downgrade() -> None:
    op.drop_table("registrations")
    op.drop_column("trunks", "outbound_to_registered")
    op.drop_column("trunks", "inbound_registrar")
