"""Schema migrations, run by Alembic on the store's own connection when it opens.

A new one: `alembic --config store/migrations/alembic.ini revision --autogenerate -m "..."`.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, StampStep
from alembic.script import ScriptDirectory

FOLDER = Path(__file__).parent


def upgrade_to_head(connection: sa.Connection) -> None:
    """Bring the schema to the newest revision, in the transaction the connection is in."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    head = scripts.get_current_head()
    if head is None:
        raise RuntimeError(f"no migrations found in {FOLDER}")

    def steps(revision: object, _context: MigrationContext) -> list[StampStep]:
        return scripts._upgrade_revs(head, revision)  # type: ignore[arg-type,return-value]

    with EnvironmentContext(config, scripts, fn=steps, destination_rev=head) as environment:
        environment.configure(connection=connection, transactional_ddl=True)
        environment.run_migrations()
