"""Voices, tools and knowledge bases."""

from __future__ import annotations

import sqlalchemy as sa

from store.tables.schema import id_column, metadata, reference_column, time_column

voices = sa.Table(
    "voices",
    metadata,
    id_column(primary_key=True),
    reference_column("organization_id", "organizations.id"),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("provider", sa.String(32), nullable=False),
    sa.Column("provider_voice_id", sa.String(200), nullable=False),
    time_column("created_at"),
    sa.Column("description", sa.Text),
    sa.UniqueConstraint("organization_id", "provider", "provider_voice_id"),
    sa.Index(None, "organization_id", "created_at", "id"),
)

tools = sa.Table(
    "tools",
    metadata,
    id_column(primary_key=True),
    reference_column("organization_id", "organizations.id"),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("model_tool_name", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("method", sa.String(8), nullable=False),
    time_column("created_at"),
    time_column("updated_at"),
    sa.Column("dynamic_parameters", sa.Text, nullable=False),
    sa.Column("static_parameters", sa.Text, nullable=False),
    sa.Column("timeout_ms", sa.BigInteger),
    sa.Index(None, "organization_id", "created_at", "id"),
)

knowledge_bases = sa.Table(
    "knowledge_bases",
    metadata,
    id_column(primary_key=True),
    reference_column("organization_id", "organizations.id"),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("corpus_id", sa.String(64), nullable=False),
    time_column("created_at"),
    sa.Column("description", sa.Text),
    sa.Column("sources", sa.Text, nullable=False),
    sa.Index(None, "organization_id", "created_at", "id"),
)
