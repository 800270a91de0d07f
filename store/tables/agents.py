"""Agents."""

from __future__ import annotations

import sqlalchemy as sa

from store.tables.schema import id_column, metadata, reference_column, time_column

agents = sa.Table(
    "agents",
    metadata,
    id_column(primary_key=True),
    reference_column("organization_id", "organizations.id"),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("voice_id", sa.Text, nullable=False),
    sa.Column("system_prompt", sa.Text, nullable=False),
    time_column("created_at"),
    time_column("updated_at"),
    sa.Column("description", sa.Text),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("tools", sa.Text, nullable=False),
    sa.Column("knowledge_bases", sa.Text, nullable=False),
    sa.Column("temperature", sa.Double, nullable=False),
    sa.Column("recording_enabled", sa.Boolean, nullable=False),
    sa.Column("language_hint", sa.Text),
    sa.Column("join_timeout_ms", sa.BigInteger),
    sa.Column("max_duration_ms", sa.BigInteger),
    sa.Column("time_exceeded_message", sa.Text),
    sa.Column("greeting_settings", sa.Text),
    sa.Column("inactivity_messages", sa.Text, nullable=False),
    sa.Column("vad_settings", sa.Text),
    sa.Column("built_in_config", sa.Text),
    sa.Column("success_criteria", sa.Text),
    sa.Column("extraction_schema", sa.Text),
    sa.Column("crm_webhook_url", sa.Text),
    sa.Column("crm_webhook_secret", sa.Text),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("sync_error", sa.Text),
    sa.Column("engine_agent_id", sa.Text),
    sa.Column("sync_pending", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("sync_attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("browser_mode", sa.String(16), nullable=False, server_default="bridged"),
    sa.Index(None, "organization_id", "created_at", "id"),
    sa.Index(None, "organization_id", "status", "created_at", "id"),
)
