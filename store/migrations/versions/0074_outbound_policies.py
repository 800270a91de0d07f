"""Where each organisation may call, how often, and at what cost."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0074"
down_revision = "0073"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outbound_policies",
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("allowed_countries", sa.Text(), nullable=False),
        sa.Column("allowed_prefixes", sa.Text(), nullable=False),
        sa.Column("allow_premium", sa.Boolean(), nullable=False),
        sa.Column("calls_per_minute", sa.Integer(), nullable=True),
        sa.Column("cents_per_day", sa.Integer(), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_outbound_policies_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_outbound_policies")),
    )


def downgrade() -> None:
    op.drop_table("outbound_policies")
