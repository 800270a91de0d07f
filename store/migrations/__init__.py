"""Schema migrations, run by Alembic on the store's own connection when it opens.

A new one is made against a database that has the newest schema:

    alembic --config store/migrations/alembic.ini -x url=sqlite:///data/trunkline.db \\
        revision --autogenerate -m "..."
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

FOLDER = Path(__file__).parent


def upgrade_to_head(connection: sa.Connection) -> None:
    """Bring the schema to the newest revision, in the transaction the connection is in."""
    command.upgrade(_config(connection), "head")


def downgrade_to_base(connection: sa.Connection) -> None:
    """Remove the schema and all that is in it."""
    command.downgrade(_config(connection), "base")


def _config(connection: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection  # `env.py` takes it from there
    return config
