"""Voices, tools and knowledge bases; what the engine billed for a call."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("calls", sa.Column("engine_billed_ms", sa.BigInteger(), nullable=True))
    op.create_table(
        "voices",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("provider_voice_id", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        _organization("voices"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voices")),
        sa.UniqueConstraint(
            "organization_id",
            "provider",
            "provider_voice_id",
            name=op.f("uq_voices_organization_id_provider_provider_voice_id"),
        ),
    )
    _listed("voices")
    op.create_table(
        "tools",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("model_tool_name", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("method", sa.String(length=8), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("dynamic_parameters", sa.Text(), nullable=False),
        sa.Column("static_parameters", sa.Text(), nullable=False),
        sa.Column("timeout_ms", sa.BigInteger(), nullable=True),
        _organization("tools"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tools")),
    )
    _listed("tools")
    op.create_table(
        "knowledge_bases",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("corpus_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("sources", sa.Text(), nullable=False),
        _organization("knowledge_bases"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_knowledge_bases")),
    )
    _listed("knowledge_bases")


def downgrade() -> None:
    for table in ("knowledge_bases", "tools", "voices"):
        op.drop_table(table)
    op.drop_column("calls", "engine_billed_ms")


def _organization(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organization_id"], ["organizations.id"], name=op.f(f"fk_{table}_organization_id")
    )


def _listed(table: str) -> None:
    columns = ["organization_id", "created_at", "id"]
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, columns)
