from __future__ import annotations

import pytest

from gateway.wire_text import keepable, keepable_fields
from store.records import RecordingStatus


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Not Found", "Not Found"),
        ("Nicht verfügbar \N{TELEPHONE RECEIVER}", "Nicht verfügbar \N{TELEPHONE RECEIVER}"),
        (b"M\xfcller".decode("utf-8", "surrogateescape"), "M\ufffdller"),
        ("a\0b", "a\ufffdb"),
    ],
)
def test_what_neither_json_nor_a_database_takes_is_marked(text: str, kept: str) -> None:
    assert keepable(text) == kept


def test_values_that_are_no_text_stay_as_they_are() -> None:
    assert keepable_fields({"reason": "\udcfc", "status": 486, "sdp": None}) == {
        "reason": "\ufffd",
        "status": 486,
        "sdp": None,
    }


def test_a_word_of_an_enum_stays_one() -> None:
    fields = keepable_fields({"recording_status": RecordingStatus.READY})
    assert fields["recording_status"] is RecordingStatus.READY
