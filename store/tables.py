"""The tables, in types that cost nothing to bind: identifiers and JSON documents as text, times as integers.

A time is whole microseconds since 1970 UTC (`*_at`); a JSON document is text written by `store.columns`.
The schema is made by the migrations in `store/migrations`; a test holds the two equal.
"""

from __future__ import annotations

import sqlalchemy as sa

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

metadata = sa.MetaData(naming_convention=NAMING)


def _id(name: str = "id", *, nullable: bool = False, primary_key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(36), nullable=nullable, primary_key=primary_key)


def _reference(name: str, target: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(36), sa.ForeignKey(target), nullable=nullable)


def _time(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


organizations = sa.Table(
    "organizations",
    metadata,
    _id(primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    _time("created_at"),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    _id(primary_key=True),
    _reference("organization_id", "organizations.id"),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("prefix", sa.Text, nullable=False),
    sa.Column("secret_hash", sa.String(64), nullable=False),
    _time("created_at"),
    _time("revoked_at", nullable=True),
    sa.UniqueConstraint("secret_hash"),
    sa.Index(None, "organization_id", "created_at", "id"),
)

agents = sa.Table(
    "agents",
    metadata,
    _id(primary_key=True),
    _reference("organization_id", "organizations.id"),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("voice_id", sa.Text, nullable=False),
    sa.Column("system_prompt", sa.Text, nullable=False),
    _time("created_at"),
    _time("updated_at"),
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
    sa.Index(None, "organization_id", "created_at", "id"),
    sa.Index(None, "organization_id", "status", "created_at", "id"),
)

trunks = sa.Table(
    "trunks",
    metadata,
    _id(primary_key=True),
    _reference("organization_id", "organizations.id"),
    sa.Column("name", sa.Text, nullable=False),
    _time("created_at"),
    _time("updated_at"),
    sa.Column("inbound_allowed_addresses", sa.Text),  # null: no inbound side
    sa.Column("outbound_address", sa.Text),  # null: no outbound side
    sa.Column("outbound_transport", sa.String(8)),
    sa.Column("outbound_auth_username", sa.Text),
    sa.Column("outbound_auth_password", sa.Text),
    sa.Column("outbound_from_host", sa.Text),
    sa.Column("number_format", sa.String(16), nullable=False),
    sa.Column("default_country", sa.String(2)),
    sa.Column("codecs", sa.Text, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("dtmf", sa.String(16), nullable=False, server_default="auto"),
    sa.Column("media_encryption", sa.String(16), nullable=False, server_default="disable"),
    sa.Column("srtp_keying", sa.String(8), nullable=False, server_default="sdes"),
    sa.Column("symmetric", sa.String(8), nullable=False, server_default="auto"),
    sa.Index(None, "organization_id", "created_at", "id"),
)

phone_numbers = sa.Table(
    "phone_numbers",
    metadata,
    _id(primary_key=True),
    _reference("organization_id", "organizations.id"),
    sa.Column("phone_number", sa.String(32), nullable=False),
    _time("created_at"),
    _time("updated_at"),
    sa.Column("friendly_name", sa.Text),
    sa.Column("provider_type", sa.String(32), nullable=False),
    sa.Column("type", sa.String(32), nullable=False),
    sa.Column("country", sa.String(2)),
    _reference("trunk_id", "trunks.id", nullable=True),
    _reference("inbound_agent_id", "agents.id", nullable=True),
    _reference("outbound_agent_id", "agents.id", nullable=True),
    sa.UniqueConstraint("phone_number"),
    sa.Index(None, "organization_id", "created_at", "id"),
    sa.Index(None, "trunk_id"),
    sa.Index(None, "inbound_agent_id"),
    sa.Index(None, "outbound_agent_id"),
)

UNFINISHED_STATUSES = ("queued", "ringing", "in-progress")

calls = sa.Table(
    "calls",
    metadata,
    _id(primary_key=True),
    _reference("organization_id", "organizations.id"),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("direction", sa.String(16), nullable=False),
    # No foreign keys to agents and trunks: a call outlives what it was made with.
    _id("agent_id"),
    _time("created_at"),
    sa.Column("phone_number", sa.Text),
    sa.Column("from_number", sa.Text),
    _id("trunk_id", nullable=True),
    _time("started_at", nullable=True),
    _time("ended_at", nullable=True),
    sa.Column("duration_ms", sa.BigInteger),
    sa.Column("transcript", sa.Text),
    sa.Column("recording_path", sa.Text),
    sa.Column("cost_cents", sa.BigInteger),
    sa.Column("outcome", sa.Text),
    sa.Column("variables", sa.Text, nullable=False),
    sa.Column("metadata", sa.Text, nullable=False),
    sa.Column("call_settings", sa.Text, nullable=False),
    sa.Column("failure_reason", sa.Text),
    sa.Column("end_reason", sa.Text),
    sa.Column("cancelled_from", sa.Text),
    sa.Column("sip_call_id", sa.Text),
    sa.Column("sip_status", sa.Integer),
    sa.Column("sip_reason", sa.Text),
    sa.Column("sip_from", sa.Text),
    sa.Column("engine_call_id", sa.Text),
    sa.Column("statistics", sa.Text),
    sa.Column("answered_by", sa.String(16)),
    sa.Column("recording_status", sa.String(16)),  # null: none
    sa.Column("recording_file", sa.Text),
    sa.Index(None, "organization_id", "created_at", "id"),
    sa.Index(None, "organization_id", "status", "created_at", "id"),
    sa.Index(None, "organization_id", "agent_id", "created_at", "id"),
    sa.Index(None, "organization_id", "phone_number", "created_at", "id"),
)
sa.Index(
    "ix_calls_unfinished",
    calls.c.created_at,
    sqlite_where=calls.c.status.in_(UNFINISHED_STATUSES),
    postgresql_where=calls.c.status.in_(UNFINISHED_STATUSES),
)
sa.Index(
    "ix_calls_recorded",
    calls.c.recording_status,
    calls.c.ended_at,
    sqlite_where=calls.c.recording_status.is_not(None),
    postgresql_where=calls.c.recording_status.is_not(None),
)

call_timeline = sa.Table(
    "call_timeline",
    metadata,
    sa.Column("call_id", sa.String(36), sa.ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("t_ms", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sqlite_with_rowid=False,  # the rows of one call lie together
)

idempotency_keys = sa.Table(
    "idempotency_keys",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("body_hash", sa.Text, nullable=False),
    _time("created_at"),
    _time("expires_at"),
    sa.Column("status", sa.Integer),  # null while the request runs
    sa.Column("headers", sa.Text),
    sa.Column("body", sa.LargeBinary),
    sa.Index(None, "expires_at"),
)
