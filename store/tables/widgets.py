"""Who may start browser calls without a key: widgets, agents that are open to visitors, and origins."""

from __future__ import annotations

import sqlalchemy as sa

from store.tables.schema import id_column, metadata, reference_column, time_column

widgets = sa.Table(
    "widgets",
    metadata,
    id_column(primary_key=True),
    reference_column("organization_id", "organizations.id"),
    sa.Column("public_id", sa.String(32), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    # A widget outlives its agent as a number does: it answers nobody until it has another one.
    sa.Column("agent_id", sa.String(36), sa.ForeignKey("agents.id", ondelete="SET NULL")),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("allowed_origins", sa.Text, nullable=False),
    sa.Column("max_concurrent_calls", sa.Integer, nullable=False),
    sa.Column("calls_per_minute", sa.Integer, nullable=False),  # from one address
    sa.Column("variables", sa.Text, nullable=False),
    sa.Column("visitor_variables", sa.Text, nullable=False),
    time_column("created_at"),
    time_column("updated_at"),
    sa.UniqueConstraint("public_id"),
    sa.Index(None, "organization_id", "created_at", "id"),
)

browser_access = sa.Table(
    "browser_access",
    metadata,
    sa.Column("agent_id", sa.String(36), sa.ForeignKey("agents.id", ondelete="CASCADE"), primary_key=True),
    reference_column("organization_id", "organizations.id"),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("public_name", sa.String(64)),  # one agent of the whole installation has it
    sa.Column("max_concurrent_calls", sa.Integer, nullable=False),
    sa.Column("calls_per_minute", sa.Integer, nullable=False),  # from one address
    sa.Column("visitor_variables", sa.Text, nullable=False),
    time_column("updated_at"),
    sa.UniqueConstraint("public_name"),
)

allowed_origins = sa.Table(
    "allowed_origins",
    metadata,
    sa.Column("organization_id", sa.String(36), sa.ForeignKey("organizations.id"), primary_key=True),
    sa.Column("origins", sa.Text, nullable=False),
    time_column("updated_at"),
)
