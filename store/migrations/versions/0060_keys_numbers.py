"""From where a key may be used, numbers bought from stock, and who is asked before a call is answered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0060"
down_revision = "0050"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("allowed_addresses", sa.Text(), nullable=True))
    op.add_column(
        "phone_numbers", sa.Column("managed", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column("phone_numbers", sa.Column("precall_webhook", sa.Text(), nullable=True))
    op.create_table(
        "number_inventory",
        sa.Column("phone_number", sa.String(length=32), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("trunk_id", sa.String(length=36), nullable=True),
        sa.Column("monthly_cost_cents", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["trunk_id"], ["trunks.id"], name=op.f("fk_number_inventory_trunk_id")),
        sa.PrimaryKeyConstraint("phone_number", name=op.f("pk_number_inventory")),
    )
    op.create_index(op.f("ix_number_inventory_country_type"), "number_inventory", ["country", "type"])


def downgrade() -> None:
    op.drop_table("number_inventory")
    op.drop_column("phone_numbers", "precall_webhook")
    op.drop_column("phone_numbers", "managed")
    op.drop_column("api_keys", "allowed_addresses")
