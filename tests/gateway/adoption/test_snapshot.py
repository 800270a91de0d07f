"""What is kept of a call, and what is read of it again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.adoption.snapshot import MAXIMUM_BYTES, decode, encode
from sip.dialog_snapshot import SnapshotError
from tests.gateway.adoption.samples import call_snapshot


def test_a_snapshot_comes_back_as_it_was_written() -> None:
    assert decode(encode(call_snapshot())) == call_snapshot()


def changed(**fields: Any) -> bytes:
    return json.dumps(json.loads(encode(call_snapshot())) | fields).encode()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"\xff\xfe",
        b'{"version": 1}',
        changed(version=0),
        changed(version=2),
        changed(version="1"),
        changed(engine_calls=[]),
        changed(engine_calls=["x"] * 17),
        changed(dialog={}),
        changed(max_duration_s="long"),
        changed(agent_id=None),
        b"[" * 100_000,
        changed(agent_id="x" * MAXIMUM_BYTES),
    ],
)
def test_another_version_and_what_is_no_snapshot_are_refused(text: bytes) -> None:
    with pytest.raises(SnapshotError):
        decode(text)


def test_what_a_later_version_adds_does_not_hinder() -> None:
    assert decode(changed(something_new=1)) == call_snapshot()
