"""Webhook endpoints, the outbox of events and their deliveries. An agent with a CRM webhook gets an endpoint
for it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.identifiers import uuid7

revision = "0020"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("agent_id", sa.String(length=36), nullable=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", sa.Text(), nullable=True),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("previous_secret", sa.Text(), nullable=True),
        sa.Column("previous_secret_until", sa.BigInteger(), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_endpoints"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_webhook_endpoints_organization_id"
        ),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agents.id"], name="fk_webhook_endpoints_agent_id", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("agent_id", name="uq_webhook_endpoints_agent_id"),
    )
    op.create_index(
        "ix_webhook_endpoints_organization_id_created_at_id",
        "webhook_endpoints",
        ["organization_id", "created_at", "id"],
    )
    op.create_table(
        "webhook_events",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("subject_id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("once_key", sa.String(length=80), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_events"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_webhook_events_organization_id"
        ),
        sa.UniqueConstraint("once_key", name="uq_webhook_events_once_key"),
    )
    op.create_index("ix_webhook_events_created_at", "webhook_events", ["created_at"])
    op.create_table(
        "webhook_deliveries",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("endpoint_id", sa.String(length=36), nullable=False),
        sa.Column("event_id", sa.String(length=36), nullable=False),
        sa.Column("subject_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("next_attempt_at", sa.BigInteger(), nullable=True),
        sa.Column("claimed_by", sa.String(length=36), nullable=True),
        sa.Column("last_attempt_at", sa.BigInteger(), nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("sequence", name="pk_webhook_deliveries"),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["webhook_endpoints.id"],
            name="fk_webhook_deliveries_endpoint_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["event_id"], ["webhook_events.id"], name="fk_webhook_deliveries_event_id", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("id", name="uq_webhook_deliveries_id"),
        sa.UniqueConstraint("event_id", "endpoint_id", name="uq_webhook_deliveries_event_id_endpoint_id"),
    )
    op.create_index(
        "ix_webhook_deliveries_endpoint_id_created_at_id",
        "webhook_deliveries",
        ["endpoint_id", "created_at", "id"],
    )
    op.create_index(
        "ix_webhook_deliveries_endpoint_id_state_created_at_id",
        "webhook_deliveries",
        ["endpoint_id", "state", "created_at", "id"],
    )
    for name, columns, where in (
        ("due", ["endpoint_id", "next_attempt_at"], "next_attempt_at IS NOT NULL"),
        ("lane", ["subject_id", "endpoint_id", "sequence"], "state = 'pending'"),
        ("finished", ["state", "finished_at"], "finished_at IS NOT NULL"),
    ):
        op.create_index(
            f"ix_webhook_deliveries_{name}",
            "webhook_deliveries",
            columns,
            sqlite_where=sa.text(where),
            postgresql_where=sa.text(where),
        )
    _make_endpoints_of_agents()


def _make_endpoints_of_agents() -> None:
    agents = sa.table(
        "agents",
        *(
            sa.column(name)
            for name in ("id", "organization_id", "crm_webhook_url", "crm_webhook_secret", "updated_at")
        ),
    )
    endpoints = sa.table(
        "webhook_endpoints",
        *(
            sa.column(name)
            for name in ("id", "organization_id", "agent_id", "url", "secret", "created_at", "updated_at")
        ),
        sa.column("enabled", sa.Boolean),
    )
    connection = op.get_bind()
    made = [
        {
            "id": uuid7(),
            "organization_id": agent.organization_id,
            "agent_id": agent.id,
            "url": agent.crm_webhook_url,
            "secret": agent.crm_webhook_secret or "",
            "created_at": agent.updated_at,
            "updated_at": agent.updated_at,
            "enabled": True,
        }
        for agent in connection.execute(sa.select(agents).where(agents.c.crm_webhook_url.is_not(None))).all()
    ]
    if made:
        connection.execute(sa.insert(endpoints), made)


def downgrade() -> None:
    op.drop_table("webhook_deliveries")
    op.drop_table("webhook_events")
    op.drop_table("webhook_endpoints")
