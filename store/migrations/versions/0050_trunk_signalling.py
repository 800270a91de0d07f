"""How a trunk's calls are signalled: session timer, reliable provisional answers, early media; and what its
outbound side needs for TLS, for registering and for probing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0041"
branch_labels = None
depends_on = None

_COLUMNS = (
    ("session_timer", sa.String(length=8), "allow"),
    ("session_expires", sa.Integer(), "1800"),
    ("min_session_expires", sa.Integer(), "90"),
    ("reliable_provisionals", sa.String(length=8), "allow"),
    ("early_media", sa.String(length=8), "ignore"),
    ("outbound_probe_interval", sa.Integer(), "0"),
)


def upgrade() -> None:
    for name, kind, default in _COLUMNS:
        op.add_column("trunks", sa.Column(name, kind, server_default=default, nullable=False))
    op.add_column("trunks", sa.Column("outbound_tls", sa.Text(), nullable=True))
    op.add_column("trunks", sa.Column("outbound_registration", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("trunks", "outbound_registration")
    op.drop_column("trunks", "outbound_tls")
    for name, _, _ in reversed(_COLUMNS):
        op.drop_column("trunks", name)
