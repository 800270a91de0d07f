"""The command line: options, exit codes, messages."""

from pathlib import Path

import pytest

from gateway.command_line import run
from gateway.serve import HttpSide


def no_http(*_: object) -> HttpSide:
    raise AssertionError("nothing of this starts a server")


def test_check_says_that_all_is_well(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "t.toml"
    file.write_text("[calls]\nmax_inbound = 5\n")
    assert run(["check", "--config", str(file)], no_http) == 0
    assert "good" in capsys.readouterr().out


def test_check_lists_what_is_wrong_and_where(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "t.toml"
    file.write_text('[calls]\nmax_inbound = -1\n[media]\nrtp_ports = "9-5"\n')
    assert run(["check", "--config", str(file)], no_http) == 1
    errors = capsys.readouterr().err
    assert "calls.max_inbound" in errors
    assert "media.rtp_ports" in errors
    assert str(file) in errors


def test_check_finds_mistakes_in_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUNKLINE_SIP_LISTENS", "udp:127.0.0.1:0")
    assert run(["check"], no_http) == 1
    assert "TRUNKLINE_SIP_LISTENS: no such setting" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["serve", "--sip", "nowhere"],
        ["serve", "--rtp-ports", "5-1"],
        ["serve", "--media-workers", "-1"],
        ["serve", "--media-workers", "many"],
        ["route-test"],
        ["call", "--to", "+15550100"],
        ["dance"],
    ],
)
def test_a_wrong_command_line_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(arguments, no_http)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_a_demonstration_that_strangers_could_reach_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ["serve", "--demo", "--sip", "0.0.0.0:0", "--http", "127.0.0.1:0", "--data", str(tmp_path)]
    assert run(arguments, no_http) == 1
    assert "loopback only" in capsys.readouterr().err


def test_route_test_explains_a_refusal_with_exit_code_1(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert (
        run(["route-test", "--to", "+15550100", "--source", "192.0.2.1", "--data", str(tmp_path)], no_http)
        == 1
    )
    shown = capsys.readouterr().out
    assert "unknown-trunk" in shown
    assert "192.0.2.1" in shown


def test_a_call_without_a_key_is_told_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRUNKLINE_KEY", raising=False)
    assert run(["call", "--agent", "a", "--to", "+15550100"], no_http) == 1
    assert "TRUNKLINE_KEY" in capsys.readouterr().err
