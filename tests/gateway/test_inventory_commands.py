"""The stock of numbers from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.command_line import run
from tests.gateway.test_key_commands import no_http


def inventory(data: Path, *arguments: str) -> int:
    return run(["inventory", *arguments, "--data", str(data)], no_http)


def test_a_number_is_put_up_for_sale_listed_and_taken_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    added = inventory(tmp_path, "add", "--number", "+442079460018", "--monthly-cents", "150")
    assert added == 0
    assert inventory(tmp_path, "list") == 0
    assert "+442079460018  local  GB  150  for sale" in capsys.readouterr().out
    assert inventory(tmp_path, "remove", "--number", "+442079460018") == 0
    assert inventory(tmp_path, "remove", "--number", "+442079460018") == 1


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("--number", "0207"), "not E.164"),
        (("--number", "+442079460018", "--trunk", "nonsense"), "no trunk nonsense"),
    ],
)
def test_what_cannot_be_sold_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], fault: str
) -> None:
    assert inventory(tmp_path, "add", *arguments) == 1
    assert fault in capsys.readouterr().err


def test_a_number_is_in_the_stock_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert inventory(tmp_path, "add", "--number", "+442079460018") == 0
    assert inventory(tmp_path, "add", "--number", "+442079460018") == 1
    assert "already" in capsys.readouterr().err
