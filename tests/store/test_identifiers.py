from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.identifiers import parse_identifier, uuid7


def test_identifiers_are_version_7_of_the_rfc_variant_in_lower_case() -> None:
    text = uuid7()
    parsed = uuid.UUID(text)
    assert parsed.version == 7
    assert parsed.variant == uuid.RFC_4122
    assert text == str(parsed)


def test_identifiers_sort_by_the_order_in_which_they_were_made() -> None:
    made = [uuid7() for _ in range(20_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


@pytest.mark.parametrize("prefix", ["", "call_", "agent_", "num_", "trunk_"])
def test_a_known_prefix_is_forgiven(prefix: str) -> None:
    identifier = uuid7()
    assert parse_identifier(prefix + identifier) == identifier
    assert parse_identifier(prefix + identifier.upper()) == identifier
    assert parse_identifier(prefix + identifier.replace("-", "")) == identifier


@pytest.mark.parametrize(
    "text",
    [
        "",
        "call_",
        "call_01hx4nq2",
        "other_0198c0de-0000-7000-8000-000000000001",
        "0198c0de-0000-7000-8000-00000000000",
        "0198c0de-0000-7000-8000-00000000000g",
        "0198c0de00-00-7000-8000-000000000001",
        "{0198c0de-0000-7000-8000-000000000001}",
        "urn:uuid:0198c0de-0000-7000-8000-000000000001",
        "0198c0de-0000-7000-8000-00000000000\u0661",
    ],
)
def test_what_is_no_identifier_is_none(text: str) -> None:
    assert parse_identifier(text) is None


@given(st.text(max_size=60))
def test_any_text_is_an_identifier_in_canonical_form_or_none(text: str) -> None:
    parsed = parse_identifier(text)
    assert parsed is None or parsed == str(uuid.UUID(parsed))
