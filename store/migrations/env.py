"""What the `alembic` command line uses; the program itself migrates by `store.migrations.upgrade_to_head`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context

from store.tables import metadata

url = context.get_x_argument(as_dictionary=True).get("url", "sqlite://")
with sa.create_engine(url.replace("+aiosqlite", "").replace("+asyncpg", "")).connect() as connection:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
