"""Widgets, agents that are open to visitors of a page, and the origins of each organisation's pages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0064"
down_revision = "0061"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "widgets",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.String(length=36), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("allowed_origins", sa.Text(), nullable=False),
        sa.Column("max_concurrent_calls", sa.Integer(), nullable=False),
        sa.Column("calls_per_minute", sa.Integer(), nullable=False),
        sa.Column("variables", sa.Text(), nullable=False),
        sa.Column("visitor_variables", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agents.id"], name=op.f("fk_widgets_agent_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_widgets_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_widgets")),
        sa.UniqueConstraint("public_id", name=op.f("uq_widgets_public_id")),
    )
    op.create_index(
        op.f("ix_widgets_organization_id_created_at_id"), "widgets", ["organization_id", "created_at", "id"]
    )
    op.create_table(
        "browser_access",
        sa.Column("agent_id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("public_name", sa.String(length=64), nullable=True),
        sa.Column("max_concurrent_calls", sa.Integer(), nullable=False),
        sa.Column("calls_per_minute", sa.Integer(), nullable=False),
        sa.Column("visitor_variables", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agents.id"], name=op.f("fk_browser_access_agent_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_browser_access_organization_id")
        ),
        sa.PrimaryKeyConstraint("agent_id", name=op.f("pk_browser_access")),
        sa.UniqueConstraint("public_name", name=op.f("uq_browser_access_public_name")),
    )
    op.create_table(
        "allowed_origins",
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("origins", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_allowed_origins_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_allowed_origins")),
    )


def downgrade() -> None:
    op.drop_table("allowed_origins")
    op.drop_table("browser_access")
    op.drop_table("widgets")
