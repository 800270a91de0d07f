"""A throw-away PostgreSQL server on a Unix socket, and a database of its own for each test.

The schema is migrated once into a template, of which each database is a copy. Nothing is written through to
the disk (`fsync` off): what it holds is worth nothing after the tests.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from store import Store
from store.connection import Database
from store.migrations import newest_revision
from tests.support.last_will import last_will

BINARIES = Path("/usr/lib/postgresql")
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "100",
    "max_wal_size": "256MB",
    "autovacuum": "off",
    "log_min_messages": "fatal",
}
TEMPLATE = "trunkline_template"
# References are not looked at meanwhile, so that the order does not matter.
EMPTY = """
    DO $$ DECLARE name text; BEGIN
        SET LOCAL session_replication_role = replica;
        FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
            IF name != 'alembic_version' THEN EXECUTE format('DELETE FROM %I', name); END IF;
        END LOOP;
    END $$
"""


class PostgresServer:
    """`start` it, ask for databases, `stop` it. PostgreSQL refuses root, who borrows the user `postgres`."""

    def __init__(self) -> None:
        versions = sorted(BINARIES.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
        if not versions:
            raise RuntimeError(f"no PostgreSQL below {BINARIES}; run tests/install_system_packages.sh")
        self._binaries = versions[-1].parent
        self._as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        self._folder = Path(tempfile.mkdtemp(prefix="trunkline-pg-"))
        self._data = self._folder / "data"
        self._numbers = itertools.count(1)
        self._template = ""
        self._emptied: list[str] = []

    def start(self) -> None:
        """Make the cluster the first time, and serve."""
        if not self._data.exists():
            if self._as_user:
                owner = pwd.getpwnam("postgres")
                os.chown(self._folder, owner.pw_uid, owner.pw_gid)
            stop = [str(self._binaries / "pg_ctl"), "stop", "-D", str(self._data), "-m", "immediate"]
            last_will(self._folder, [*self._as_user, *stop])
            self._run("initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N")
        settings = " ".join(f"-c {name}={value or chr(39) * 2}" for name, value in SETTINGS.items())
        options = f"{settings} -k {self._folder}"
        self._run("pg_ctl", "start", "-w", "-D", self._data, "-l", self._folder / "log", "-o", options)

    def halt(self) -> None:
        """As if its machine lost power: every connection is cut; `start` brings it back."""
        self._run("pg_ctl", "stop", "-w", "-D", self._data, "-m", "immediate")

    def stop(self) -> None:
        """End it and remove everything."""
        try:
            self.halt()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self._folder}"

    async def new_database(self, *, migrated: bool = True) -> str:
        """The URL of a database that nobody else uses: with the newest schema, or with nothing in it."""
        if migrated and self._emptied:
            return self._emptied.pop()
        if migrated and not self._template:
            await self._execute(f"CREATE DATABASE {TEMPLATE}")
            await (await Store.open(self.url(TEMPLATE))).close()
            self._template = TEMPLATE
        name = f"test_{next(self._numbers)}"
        await self._execute(f"CREATE DATABASE {name} TEMPLATE {self._template if migrated else 'template0'}")
        return self.url(name)

    async def give_back(self, url: str) -> None:
        """The test is done with its database. It is emptied for the next one, which takes a tenth of the time
        of making one, or removed when its schema is not the newest.
        """
        name = url.partition("?")[0].rpartition("/")[2]
        try:
            if await self._execute("SELECT version_num FROM alembic_version", name) == newest_revision():
                await self._execute(EMPTY, name)
                self._emptied.append(url)
                return
        except asyncpg.PostgresError:
            pass
        await self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    async def _execute(self, statement: str, database: str = "postgres") -> object:
        """The first value of the first row, if there is one."""
        connection = await asyncpg.connect(host=str(self._folder), user="postgres", database=database)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    def _run(self, program: str, *arguments: str | Path) -> None:
        command = [*self._as_user, str(self._binaries / program), *map(str, arguments)]
        # Into a file, not a pipe: the server would inherit it, and reading to its end would never return.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                command,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=60,
                check=False,
            )
            if done.returncode:
                output.seek(0)
                raise RuntimeError(f"{program}: {output.read().decode(errors='replace')}")


@asynccontextmanager
async def postgres_store_on(server: PostgresServer) -> AsyncIterator[Store]:
    """An open store on a database of its own."""
    url = await server.new_database()
    store = Store(Database.prepare(url))  # migrated already: looking takes longer than most tests
    yield store
    await store.close()
    await server.give_back(url)
