"""How far the engine knows each agent, and what is to be deleted there. Agents that had not been settled are
offered again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("agents", sa.Column("sync_pending", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column("agents", sa.Column("sync_attempts", sa.Integer(), server_default="0", nullable=False))
    agents = sa.table("agents", sa.column("status", sa.String()), sa.column("sync_pending", sa.Boolean()))
    settled = agents.c.status.in_(("active", "failed"))
    op.execute(agents.update().where(settled).values(sync_pending=sa.false()))
    op.create_table(
        "engine_removals",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("engine_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "engine_id", name=op.f("pk_engine_removals")),
    )


def downgrade() -> None:
    op.drop_table("engine_removals")
    op.drop_column("agents", "sync_attempts")
    op.drop_column("agents", "sync_pending")
