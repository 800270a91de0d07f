"""Secrets name their call, are told apart, and are not kept."""

from __future__ import annotations

import pytest

from gateway.browser_calls.credentials import MAX_LENGTH, Credential, call_of
from store.identifiers import uuid7

CALL_ID = "019a22ae-3c10-7a51-8f5e-4d0f1c2b3a49"


def test_a_secret_names_its_call_and_matches_itself_alone() -> None:
    call_id = uuid7()
    text, kept = Credential.issue(call_id)
    other, _ = Credential.issue(call_id)
    assert call_of(text) == call_id
    assert kept.matches(text)
    assert not kept.matches(other)
    assert not kept.matches(text[:-1])
    assert text.partition(".")[2] not in repr(kept)


@pytest.mark.parametrize(
    "text",
    ["", ".", "abc", "abc.def", CALL_ID, f"{CALL_ID}.", "é.secret", f"{CALL_ID}.{'x' * MAX_LENGTH}"],
)
def test_what_cannot_be_a_secret_of_ours_names_no_call(text: str) -> None:
    assert call_of(text) is None
