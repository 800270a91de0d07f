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
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

FOLDER = Path(__file__).parent


def upgrade_to_head(connection: sa.Connection) -> None:
    """Bring the schema to the newest revision, in the transaction the connection is in."""
    upgrade_to(connection, "head")


def upgrade_to(connection: sa.Connection, revision: str) -> None:
    """Bring the schema to a revision that is not older than its own."""
    command.upgrade(_config(connection), revision)


def newest_revision() -> str:
    """The revision that `upgrade_to_head` leads to."""
    return str(ScriptDirectory.from_config(_config(None)).get_current_head())


def revisions() -> list[str]:
    """Every released revision, oldest first."""
    scripts = ScriptDirectory.from_config(_config(None))
    return [script.revision for script in scripts.walk_revisions()][::-1]


def revision_of(connection: sa.Connection) -> str | None:
    """The schema's revision; None for a database without one."""
    return MigrationContext.configure(connection).get_current_revision()


def downgrade_to_base(connection: sa.Connection) -> None:
    """Remove the schema and all that is in it."""
    downgrade_to(connection, "base")


def downgrade_to(connection: sa.Connection, revision: str) -> None:
    """Take the schema back to an older revision; what that one has no place for is lost."""
    command.downgrade(_config(connection), revision)


def _config(connection: sa.Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection  # `env.py` takes it from there
    return config
