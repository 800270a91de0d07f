"""API keys from the command line."""

import asyncio
from pathlib import Path

import pytest

from gateway.accounts import Accounts
from gateway.command_line import run
from gateway.serve import HttpSide
from store.database import Store


def no_http(*_: object) -> HttpSide:
    raise AssertionError("nothing of this starts a server")


def keys(data: Path, *arguments: str) -> int:
    return run(["keys", *arguments, "--data", str(data)], no_http)


def make_key(data: Path, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    assert keys(data, "create", "--name", "control plane", "--organization", "Bright Dental") == 0
    shown = dict(line.split() for line in capsys.readouterr().out.splitlines())
    return shown["id"], shown["key"]


def test_a_key_is_shown_once_and_listed_without_its_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key_id, secret = make_key(tmp_path, capsys)
    assert keys(tmp_path, "list") == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert key_id in line
    assert "Bright Dental" in line
    assert "control plane" in line
    assert secret not in line


def test_a_second_key_goes_to_the_same_organisation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_key(tmp_path, capsys)
    make_key(tmp_path, capsys)
    keys(tmp_path, "list")
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_a_revoked_key_is_told_as_such_and_cannot_be_revoked_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key_id, _ = make_key(tmp_path, capsys)
    assert keys(tmp_path, "revoke", "--id", key_id) == 0
    keys(tmp_path, "list")
    assert "revoked 20" in capsys.readouterr().out
    assert keys(tmp_path, "revoke", "--id", key_id) == 1
    assert keys(tmp_path, "revoke", "--id", "nonsense") == 1
    assert "no API key nonsense" in capsys.readouterr().err


def test_a_gateway_on_the_same_store_takes_a_key_in_force_and_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key_id, secret = make_key(tmp_path, capsys)
    assert asyncio.run(key_of(tmp_path, secret)) == key_id
    keys(tmp_path, "revoke", "--id", key_id)
    assert asyncio.run(key_of(tmp_path, secret)) is None


async def key_of(data: Path, secret: str) -> str | None:
    store = await Store.open(f"sqlite:///{data / 'trunkline.db'}")
    try:
        key = await Accounts(store).verify_key(secret)
        return None if key is None else key.id
    finally:
        await store.close()
