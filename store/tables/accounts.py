"""Organisations, their API keys, and the idempotency keys of their requests."""

from __future__ import annotations

import sqlalchemy as sa

from store.tables.schema import id_column, metadata, reference_column, time_column

organizations = sa.Table(
    "organizations",
    metadata,
    id_column(primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    time_column("created_at"),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    id_column(primary_key=True),
    reference_column("organization_id", "organizations.id"),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("prefix", sa.Text, nullable=False),
    sa.Column("secret_hash", sa.String(64), nullable=False),
    time_column("created_at"),
    time_column("revoked_at", nullable=True),
    sa.Column("allowed_addresses", sa.Text),  # null: from anywhere
    sa.Column("role", sa.String(16), server_default="admin", nullable=False),
    sa.UniqueConstraint("secret_hash"),
    sa.Index(None, "organization_id", "created_at", "id"),
)

idempotency_keys = sa.Table(
    "idempotency_keys",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("body_hash", sa.Text, nullable=False),
    time_column("created_at"),
    time_column("expires_at"),
    sa.Column("status", sa.Integer),  # null while the request runs
    sa.Column("headers", sa.Text),
    sa.Column("body", sa.LargeBinary),
    sa.Index(None, "expires_at"),
)
