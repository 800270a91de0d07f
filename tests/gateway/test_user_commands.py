"""Users from the command line."""

import asyncio
import io
from pathlib import Path
from typing import Protocol

import pytest

from gateway.command_line import run
from gateway.serve import HttpSide
from store.database import Store
from store.user_records import User

PASSWORD = "correct horse battery"


def no_http(*_: object) -> HttpSide:
    raise AssertionError("nothing of this starts a server")


class Users(Protocol):
    """The command, with what is typed for a password; its exit code."""

    def __call__(self, *arguments: str, typed: str = PASSWORD) -> int: ...


@pytest.fixture
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Users:
    def command(*arguments: str, typed: str = PASSWORD) -> int:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed + "\n"))
        return run(["users", *arguments, "--data", str(tmp_path)], no_http)

    return command


def stored(data: Path, name: str) -> User | None:
    async def find() -> User | None:
        store = await Store.open(f"sqlite:///{data / 'trunkline.db'}")
        try:
            return await store.users.find_by_username(name)
        finally:
            await store.close()

    return asyncio.run(find())


def test_a_user_is_made_listed_and_removed(
    users: Users, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert users("add", "Ada", "--role", "read", "--organization", "Bright Dental") == 0
    assert users("list") == 0
    out = capsys.readouterr().out
    assert "ada  read  Bright Dental  never signed in" in out
    assert PASSWORD not in out
    assert users("remove", "ADA") == 0
    assert users("remove", "ada") == 1
    assert "no user ada" in capsys.readouterr().err
    assert stored(tmp_path, "ada") is None


def test_a_password_is_changed(users: Users, tmp_path: Path) -> None:
    assert users("add", "ada") == 0
    before = stored(tmp_path, "ada")
    assert users("passwd", "ada", typed="another good one") == 0
    after = stored(tmp_path, "ada")
    assert before is not None
    assert after is not None
    assert before.password_hash != after.password_hash
    assert after.role == before.role == "admin"


def test_faults_are_told_and_leave_nothing(
    users: Users, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert users("add", "ada", typed="short") == 1
    assert "10 to 256" in capsys.readouterr().err
    assert stored(tmp_path, "ada") is None
    assert users("add", "a b") == 1
    assert users("add", "ada") == 0
    assert users("add", "ADA") == 1
    assert "taken" in capsys.readouterr().err
    assert users("passwd", "nobody") == 1
