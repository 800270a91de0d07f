"""What the headers, prefix and identity of a trunk and of a call must fulfil."""

from __future__ import annotations

import pytest

from gateway.errors import InvalidRequestError
from gateway.new_trunk_identity import check_identity, check_sip_headers
from store.records import TrunkOutbound
from store.trunk_identity_records import NumberWriting, TrunkCallerIdentity, TrunkHeaders


@pytest.mark.parametrize(
    "headers",
    [
        {"From": "<sip:a@b>"},
        {"X-Note": "a\r\nFrom: <sip:a@b>"},
        {"X-Note": "a\x00"},
        {"X-No te": "a"},
        {"X-Note:": "a"},
        {"X-": "a"},
        {"X-Note": "a" * 1_025},
        {"X-Note": "a", "x-note": "b"},
        {f"X-N{number}": "a" for number in range(33)},
    ],
)
def test_what_could_be_another_header_or_too_much_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        check_sip_headers(headers, "sip_headers")
    assert caught.value.details["field"].startswith("sip_headers")


def test_plain_headers_are_taken() -> None:
    check_sip_headers({"X-Order": "77; q=\u00fc", "x-empty": ""}, "sip_headers")


@pytest.mark.parametrize(
    ("writing", "headers", "identity", "field"),
    [
        (
            NumberWriting(tech_prefix="12a"),
            TrunkHeaders(),
            TrunkCallerIdentity(),
            "number_writing.tech_prefix",
        ),
        (NumberWriting(), TrunkHeaders(("Subject",)), TrunkCallerIdentity(), "headers.inbound"),
        (NumberWriting(), TrunkHeaders(("*",)), TrunkCallerIdentity(), "headers.inbound"),
        (
            NumberWriting(),
            TrunkHeaders(),
            TrunkCallerIdentity(from_user="a b"),
            "outbound.caller_identity.from_user",
        ),
        (
            NumberWriting(),
            TrunkHeaders(),
            TrunkCallerIdentity(diversion="0301"),
            "outbound.caller_identity.diversion",
        ),
    ],
)
def test_a_fault_names_its_field(
    writing: NumberWriting, headers: TrunkHeaders, identity: TrunkCallerIdentity, field: str
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        check_identity(writing, headers, TrunkOutbound("sip.example.com", caller_identity=identity))
    assert caught.value.details["field"] == field
