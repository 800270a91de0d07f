"""Lists of calls by our number and by outcome are as quick as the others, however many calls there are."""

from __future__ import annotations

from alembic import op

revision = "0061"
down_revision = "0060"
branch_labels = None
depends_on = None

_FILTERS = ("from_number", "outcome")


def upgrade() -> None:
    for column in _FILTERS:
        columns = ["organization_id", column, "created_at", "id"]
        op.create_index(op.f("ix_calls_" + "_".join(columns)), "calls", columns)


def downgrade() -> None:
    for column in _FILTERS:
        op.drop_index(op.f(f"ix_calls_organization_id_{column}_created_at_id"), table_name="calls")
