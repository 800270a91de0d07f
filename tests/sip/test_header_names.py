from __future__ import annotations

import pytest

from sip import header_names
from sip.header_names import canonical_name


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("v", "Via"),
        ("V", "Via"),
        ("f", "From"),
        ("t", "To"),
        ("i", "Call-ID"),
        ("m", "Contact"),
        ("l", "Content-Length"),
        ("c", "Content-Type"),
        ("e", "Content-Encoding"),
        ("k", "Supported"),
        ("s", "Subject"),
        ("r", "Refer-To"),
        ("b", "Referred-By"),
        ("o", "Event"),
        ("u", "Allow-Events"),
        ("x", "Session-Expires"),
        ("call-id", "Call-ID"),
        ("cSEQ", "CSeq"),
        ("www-authenticate", "WWW-Authenticate"),
        ("RACK", "RAck"),
        ("min-se", "Min-SE"),
        ("x-unknown-HEADER", "X-Unknown-Header"),
    ],
)
def test_any_spelling_has_one_canonical_name(name: str, canonical: str) -> None:
    assert canonical_name(name) == canonical


@pytest.mark.parametrize("name", ["", "To ", "a b", "X:Y", "Näme", "a\r\nb"])
def test_name_that_is_no_token_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="header name"):
        canonical_name(name)


def test_invented_names_do_not_grow_the_table_without_end() -> None:
    for number in range(5000):
        assert canonical_name(f"x-invented-{number}") == f"X-Invented-{number}"
    assert len(header_names.CANONICAL_BY_SPELLING) <= 2048
