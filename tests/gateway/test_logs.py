"""Logs: structured, on standard error, from the level on that was set."""

import json

import pytest
import structlog

from gateway.configuration.nodes import LoggingSection
from gateway.logs import configure_logging


@pytest.fixture(autouse=True)
def _restored() -> object:
    yield
    structlog.reset_defaults()


def test_json_lines_have_event_level_time_and_fields(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    monkeypatch.setattr(sys, "__stderr__", sys.stderr)
    configure_logging(LoggingSection(format="json", level="info"))
    log = structlog.get_logger("t")
    log.debug("too_fine", call_id="c0")
    log.info("call_ended", call_id="c1")
    output = capsys.readouterr()
    assert output.out == ""
    (line,) = output.err.splitlines()
    entry = json.loads(line)
    assert (entry["event"], entry["level"], entry["call_id"]) == ("call_ended", "info", "c1")
    assert entry["timestamp"].endswith("Z")


def test_text_shows_faults_with_their_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    monkeypatch.setattr(sys, "__stderr__", sys.stderr)
    configure_logging(LoggingSection(format="text", level="warning"))
    log = structlog.get_logger("t")
    log.info("quiet")
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("call_crashed", call_id="c1")
    shown = capsys.readouterr().err
    assert "quiet" not in shown
    assert "call_crashed" in shown
    assert "ValueError: broken" in shown
