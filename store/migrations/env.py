"""How Alembic reaches the database: on the connection it is given, or by `-x url=...` on its command line."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context

from store.tables import metadata


def migrate(connection: sa.Connection) -> None:
    """Run what Alembic was asked for, in one transaction."""
    context.configure(
        connection=connection, target_metadata=metadata, transactional_ddl=True, render_as_batch=True
    )
    with context.begin_transaction():
        context.run_migrations()


given: sa.Connection | None = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    url = context.get_x_argument(as_dictionary=True).get("url", "sqlite:///data/trunkline.db")
    with sa.create_engine(url).connect() as own:
        migrate(own)
        own.commit()
