"""Trunks and telephone numbers."""

from __future__ import annotations

import sqlalchemy as sa

from store.tables.schema import id_column, metadata, reference_column, time_column

trunks = sa.Table(
    "trunks",
    metadata,
    id_column(primary_key=True),
    reference_column("organization_id", "organizations.id"),
    sa.Column("name", sa.Text, nullable=False),
    time_column("created_at"),
    time_column("updated_at"),
    sa.Column("inbound_allowed_addresses", sa.Text),  # null: no inbound side
    sa.Column("inbound_digest_username", sa.String(64)),  # null: nobody is challenged
    sa.Column("inbound_digest_sha256", sa.String(64)),
    sa.Column("inbound_digest_md5", sa.String(32)),
    sa.Column("inbound_match", sa.String(8), nullable=False, server_default="all"),
    sa.Column("inbound_registrar", sa.Text),  # null: nobody registers with us
    sa.Column("outbound_address", sa.Text),  # null: no outbound side
    sa.Column("outbound_to_registered", sa.String(8)),  # null: calls go to the address
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
    sa.Column("session_timer", sa.String(8), nullable=False, server_default="allow"),
    sa.Column("session_expires", sa.Integer, nullable=False, server_default="1800"),
    sa.Column("min_session_expires", sa.Integer, nullable=False, server_default="90"),
    sa.Column("reliable_provisionals", sa.String(8), nullable=False, server_default="allow"),
    sa.Column("early_media", sa.String(8), nullable=False, server_default="ignore"),
    sa.Column("outbound_probe_interval", sa.Integer, nullable=False, server_default="0"),
    sa.Column("outbound_tls", sa.Text),  # null: the gateway's defaults
    sa.Column("outbound_registration", sa.Text),  # null: we do not register
    sa.Column("outbound_targets", sa.Text),  # null: outbound_address alone, and the defaults
    sa.Column("follow_redirects", sa.String(8), nullable=False, server_default="off"),
    sa.Column("stir", sa.Text),  # null: the defaults
    sa.Column("dialog", sa.Text),  # null: the defaults
    sa.Column("number_writing", sa.Text),  # null: the defaults
    sa.Column("outbound_caller_identity", sa.Text),  # null: the number in From, and no more
    sa.Column("headers", sa.Text),  # null: none are passed on
    sa.Column("rates", sa.Text),  # null: no limits
    sa.Column("inbound_route_by", sa.String(16), nullable=False, server_default="request_uri"),
    sa.Column("max_concurrent_calls", sa.Integer),  # null: no limit
    sa.Index(None, "organization_id", "created_at", "id"),
    sa.Index(None, "inbound_digest_username", unique=True),
)

phone_numbers = sa.Table(
    "phone_numbers",
    metadata,
    id_column(primary_key=True),
    reference_column("organization_id", "organizations.id"),
    sa.Column("phone_number", sa.String(32), nullable=False),
    time_column("created_at"),
    time_column("updated_at"),
    sa.Column("friendly_name", sa.Text),
    sa.Column("provider_type", sa.String(32), nullable=False),
    sa.Column("type", sa.String(32), nullable=False),
    sa.Column("country", sa.String(2)),
    reference_column("trunk_id", "trunks.id", nullable=True),
    reference_column("inbound_agent_id", "agents.id", nullable=True),
    reference_column("outbound_agent_id", "agents.id", nullable=True),
    sa.Column("managed", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("precall_webhook", sa.Text),  # null: none
    sa.Column("max_concurrent_calls", sa.Integer),  # null: no limit
    sa.UniqueConstraint("phone_number"),
    sa.Index(None, "organization_id", "created_at", "id"),
    sa.Index(None, "trunk_id"),
    sa.Index(None, "inbound_agent_id"),
    sa.Index(None, "outbound_agent_id"),
)


number_inventory = sa.Table(
    "number_inventory",
    metadata,
    sa.Column("phone_number", sa.String(32), primary_key=True),
    sa.Column("type", sa.String(32), nullable=False),
    sa.Column("country", sa.String(2), nullable=False),
    reference_column("trunk_id", "trunks.id", nullable=True),
    sa.Column("monthly_cost_cents", sa.Integer, nullable=False),
    time_column("created_at"),
    sa.Index(None, "country", "type"),
)
