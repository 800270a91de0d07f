"""People who sign in, and their sessions."""

from __future__ import annotations

import sqlalchemy as sa

from store.tables.schema import id_column, metadata, reference_column, time_column

users = sa.Table(
    "users",
    metadata,
    id_column(primary_key=True),
    reference_column("organization_id", "organizations.id"),
    sa.Column("username", sa.String(64), nullable=False),
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    time_column("created_at"),
    time_column("updated_at"),
    time_column("last_sign_in_at", nullable=True),
    sa.UniqueConstraint("username"),
    sa.Index(None, "organization_id", "username"),
)

sessions = sa.Table(
    "sessions",
    metadata,
    id_column(primary_key=True),
    reference_column("organization_id", "organizations.id"),
    # A session goes when its user goes.
    sa.Column("user_id", sa.String(36), sa.ForeignKey("users.id", ondelete="CASCADE")),
    sa.Column("api_key_id", sa.String(36), sa.ForeignKey("api_keys.id", ondelete="CASCADE")),
    sa.Column("token_hash", sa.String(64), nullable=False),
    sa.Column("address", sa.String(64)),
    sa.Column("user_agent", sa.String(256)),
    time_column("created_at"),
    time_column("seen_at"),
    time_column("expires_at"),
    sa.UniqueConstraint("token_hash"),
    sa.Index(None, "organization_id", "created_at", "id"),
    sa.Index(None, "user_id"),
    sa.Index(None, "expires_at"),
)
