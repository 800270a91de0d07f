"""`route-test`: the decision an INVITE would get, from the store as it is."""

from pathlib import Path

import pytest

from gateway.command_line import run
from gateway.route_test import route_test
from tests.gateway.scene import NUMBER, Scene


async def test_a_number_with_an_agent_is_routed(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    assert await route_test(scene.gateway.config, to=NUMBER, from_=None, source="127.0.0.1") == 0
    shown = capsys.readouterr().out
    assert "carrier" in shown
    assert "Desk" in shown


async def test_a_stranger_is_refused_and_told_why(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    assert await route_test(scene.gateway.config, to=NUMBER, from_=None, source="192.0.2.9") == 1
    assert "192.0.2.9" in capsys.readouterr().out


async def test_without_a_source_only_the_number_is_looked_at(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await route_test(scene.gateway.config, to=NUMBER, from_=None, source=None) == 0
    assert "no source given" in capsys.readouterr().out


def test_a_database_that_cannot_be_used_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert run(["route-test", "--to", NUMBER, "--data", str(tmp_path / "file")], lambda *_: None) == 1  # type: ignore[arg-type, return-value]
    assert "trunkline: the database cannot be used" in capsys.readouterr().err
