"""Trunks: number writing, caller identity, headers, rates; calls: what SIP told beside the status."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0078"
down_revision = "0077"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("number_writing", "outbound_caller_identity", "headers", "rates"):
        op.add_column("trunks", sa.Column(name, sa.Text(), nullable=True))
    op.add_column(
        "trunks",
        sa.Column("inbound_route_by", sa.String(length=16), nullable=False, server_default="request_uri"),
    )
    op.add_column("calls", sa.Column("sip_details", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("calls", "sip_details")
    op.drop_column("trunks", "inbound_route_by")
    for name in ("rates", "headers", "outbound_caller_identity", "number_writing"):
        op.drop_column("trunks", name)
