"""Contacts and the folders they lie in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "folders",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_folders_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_folders")),
    )
    op.create_index(
        op.f("ix_folders_organization_id_created_at_id"), "folders", ["organization_id", "created_at", "id"]
    )
    op.create_table(
        "contacts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("phone_number", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("folder_id", sa.String(length=36), nullable=True),
        sa.Column("first_name", sa.Text(), nullable=True),
        sa.Column("last_name", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("company_name", sa.Text(), nullable=True),
        sa.Column("industry", sa.Text(), nullable=True),
        sa.Column("location", sa.Text(), nullable=True),
        sa.Column("pin_code", sa.Text(), nullable=True),
        sa.Column("keywords", sa.Text(), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["folder_id"], ["folders.id"], name=op.f("fk_contacts_folder_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_contacts_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contacts")),
    )
    op.create_index(
        op.f("ix_contacts_organization_id_created_at_id"), "contacts", ["organization_id", "created_at", "id"]
    )
    op.create_index(
        op.f("ix_contacts_folder_id_created_at_id"), "contacts", ["folder_id", "created_at", "id"]
    )
    op.create_index(
        "uq_contacts_number_in_folder",
        "contacts",
        ["folder_id", "phone_number"],
        unique=True,
        sqlite_where=sa.text("folder_id IS NOT NULL"),
        postgresql_where=sa.text("folder_id IS NOT NULL"),
    )
    op.create_index(
        "uq_contacts_number_without_folder",
        "contacts",
        ["organization_id", "phone_number"],
        unique=True,
        sqlite_where=sa.text("folder_id IS NULL"),
        postgresql_where=sa.text("folder_id IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("contacts")
    op.drop_table("folders")
