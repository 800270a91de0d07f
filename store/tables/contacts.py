"""Contacts and their folders."""

from __future__ import annotations

import sqlalchemy as sa

from store.tables.schema import id_column, metadata, reference_column, time_column

folders = sa.Table(
    "folders",
    metadata,
    id_column(primary_key=True),
    reference_column("organization_id", "organizations.id"),
    sa.Column("name", sa.Text, nullable=False),
    time_column("created_at"),
    time_column("updated_at"),
    sa.Column("description", sa.Text),
    sa.Index(None, "organization_id", "created_at", "id"),
)

contacts = sa.Table(
    "contacts",
    metadata,
    id_column(primary_key=True),
    reference_column("organization_id", "organizations.id"),
    sa.Column("phone_number", sa.String(32), nullable=False),
    time_column("created_at"),
    time_column("updated_at"),
    reference_column("folder_id", "folders.id", nullable=True),
    sa.Column("first_name", sa.Text),
    sa.Column("last_name", sa.Text),
    sa.Column("email", sa.Text),
    sa.Column("company_name", sa.Text),
    sa.Column("industry", sa.Text),
    sa.Column("location", sa.Text),
    sa.Column("pin_code", sa.Text),
    sa.Column("keywords", sa.Text, nullable=False),
    sa.Column("metadata", sa.Text, nullable=False),
    sa.Column("search_text", sa.Text, nullable=False),  # lower-cased by us: SQLite does so for ASCII only
    sa.Index(None, "organization_id", "created_at", "id"),
    sa.Index(None, "folder_id", "created_at", "id"),
)
# Two indexes, since NULL is never equal to NULL.
sa.Index(
    "uq_contacts_number_in_folder",
    contacts.c.folder_id,
    contacts.c.phone_number,
    unique=True,
    sqlite_where=contacts.c.folder_id.is_not(None),
    postgresql_where=contacts.c.folder_id.is_not(None),
)
sa.Index(
    "uq_contacts_number_without_folder",
    contacts.c.organization_id,
    contacts.c.phone_number,
    unique=True,
    sqlite_where=contacts.c.folder_id.is_(None),
    postgresql_where=contacts.c.folder_id.is_(None),
)
