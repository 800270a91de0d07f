"""Campaigns, their contacts and their attempts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "batch_calls",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("agent_id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("contact_count", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("resumed_at", sa.BigInteger(), nullable=True),
        sa.Column("status_reason", sa.Text(), nullable=True),
        sa.Column("statistics", sa.Text(), nullable=True),
        sa.Column("assembled", sa.Boolean(), nullable=False),
        sa.Column("dialer", sa.String(length=64), nullable=True),
        sa.Column("dialer_until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_batch_calls_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch_calls")),
    )
    op.create_index(
        op.f("ix_batch_calls_organization_id_created_at_id"),
        "batch_calls",
        ["organization_id", "created_at", "id"],
    )
    op.create_index(op.f("ix_batch_calls_status"), "batch_calls", ["status"])
    op.create_table(
        "batch_contacts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("campaign_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("phone_number", sa.String(length=32), nullable=False),
        sa.Column("contact_id", sa.String(length=36), nullable=True),
        sa.Column("variables", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("scheduled_at", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.String(length=36), nullable=True),
        sa.Column("from_number", sa.String(length=32), nullable=True),
        sa.Column("last_attempt_at", sa.BigInteger(), nullable=True),
        sa.Column("rang_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["batch_calls.id"],
            name=op.f("fk_batch_contacts_campaign_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch_contacts")),
        sa.UniqueConstraint(
            "campaign_id", "phone_number", name=op.f("uq_batch_contacts_campaign_id_phone_number")
        ),
    )
    op.create_index(
        op.f("ix_batch_contacts_campaign_id_position"), "batch_contacts", ["campaign_id", "position"]
    )
    op.create_index(
        op.f("ix_batch_contacts_campaign_id_state_scheduled_at_position"),
        "batch_contacts",
        ["campaign_id", "state", "scheduled_at", "position"],
    )
    op.create_table(
        "batch_attempts",
        sa.Column("call_id", sa.String(length=36), nullable=False),
        sa.Column("campaign_id", sa.String(length=36), nullable=False),
        sa.Column("contact_id", sa.String(length=36), nullable=False),
        sa.Column("from_number", sa.String(length=32), nullable=False),
        sa.Column("attempted_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("technical", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["batch_calls.id"],
            name=op.f("fk_batch_attempts_campaign_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_batch_attempts")),
    )
    op.create_index(
        op.f("ix_batch_attempts_campaign_id_attempted_at"), "batch_attempts", ["campaign_id", "attempted_at"]
    )
    op.create_index(
        op.f("ix_batch_attempts_campaign_id_ended_at"), "batch_attempts", ["campaign_id", "ended_at"]
    )


def downgrade() -> None:
    op.drop_table("batch_attempts")
    op.drop_table("batch_contacts")
    op.drop_table("batch_calls")
