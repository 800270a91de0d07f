"""What an INVITE tells of its caller and its way."""

from __future__ import annotations

import pytest

from gateway.received_identity import received_details, received_identity
from routing.number_style import NumberStyle
from sip.message import Request
from store.trunk_identity_records import TrunkHeaders


def invite(*headers: tuple[str, str], sender: str = "<sip:+14155550123@carrier.example.com>") -> Request:
    return Request(
        "INVITE",
        "sip:+15550100@gateway.example.com",
        (
            ("From", f"{sender};tag=a"),
            ("To", "<sip:+15550199@pbx.example.com>"),
            ("Call-ID", "c"),
            ("CSeq", "1 INVITE"),
            *headers,
        ),
        b"",
    )


def test_who_is_asserted_and_whose_party_it_is_are_read() -> None:
    told = received_identity(
        invite(
            ("P-Asserted-Identity", '"Ann" <sip:+14155550111@carrier.example.com>, <tel:+14155550111>'),
            ("Remote-Party-ID", "<sip:+14155550122@carrier.example.com>;party=calling;privacy=off"),
        )
    )
    assert (told.asserted_user, told.party_user, told.private) == ("+14155550111", "+14155550122", False)
    assert told.to_user == "+15550199"


@pytest.mark.parametrize(
    "request_",
    [
        invite(("Privacy", "id")),
        invite(("Privacy", "header;USER")),
        invite(("Privacy", "critical; id")),
        invite(sender='"Anonymous" <sip:anonymous@anonymous.invalid>'),
        invite(("Remote-Party-ID", "<sip:+14155550122@carrier.example.com>;party=calling;privacy=full")),
    ],
)
def test_who_wishes_to_be_unknown_is(request_: Request) -> None:
    assert received_identity(request_).private


@pytest.mark.parametrize("value", ["none", "session", "header"])
def test_other_privacy_hides_nobody(value: str) -> None:
    assert not received_identity(invite(("Privacy", value))).private


def test_the_last_diversion_is_the_first_one_made() -> None:
    told = received_details(
        invite(
            ("Diversion", "<sip:+14155550102@a.example.com>;reason=no-answer;counter=1"),
            ("Diversion", '"Desk" <sip:14155550101@a.example.com>;reason=user-busy'),
        ),
        TrunkHeaders(),
        NumberStyle(),
        anonymous=False,
    )
    assert told.details["diversion"] == {
        "number": "+14155550101",
        "reason": "user-busy",
        "header": "Diversion",
    }
    assert told.variables == {
        "sip_diversion_number": "+14155550101",
        "sip_diversion_reason": "user-busy",
    }


def test_history_info_tells_it_too() -> None:
    diverted = received_identity(
        invite(
            (
                "History-Info",
                "<sip:+14155550101@a.example.com>;index=1, "
                "<sip:+15550100@b.example.com;cause=486>;index=1.1;mp=1",
            )
        )
    ).diverted
    assert diverted is not None
    assert (diverted.user, diverted.reason, diverted.header) == ("+14155550101", "user-busy", "History-Info")


@pytest.mark.parametrize(
    "header",
    [
        ("History-Info", "<sip:+14155550101@a.example.com>;index=1"),
        ("History-Info", "<sip:+14155550101@a>;index=1, <sip:+15550100@b>;index=1.1"),
        ("History-Info", "<sip:+14155550101@a?Privacy=history>;index=1, <sip:b@b;cause=302>;index=1.1"),
        ("Diversion", "<sip:+14155550101@a.example.com>;reason=no-answer;privacy=full"),
        ("Diversion", "no address"),
    ],
)
def test_what_is_no_diversion_or_private_is_left_out(header: tuple[str, str]) -> None:
    assert received_identity(invite(header)).diverted is None


def test_only_headers_that_the_trunk_lets_in_become_variables() -> None:
    request = invite(("X-Customer-Id", "77"), ("X-Other", "no"), ("X-Cc-Tier", "gold"), ("Subject", "no"))
    told = received_details(
        request, TrunkHeaders(("x-customer-id", "X-CC-*")), NumberStyle(), anonymous=False
    )
    assert told.details == {"headers": {"X-Customer-Id": "77", "X-Cc-Tier": "gold"}}
    assert told.variables == {"sip_header_x_customer_id": "77", "sip_header_x_cc_tier": "gold"}
    assert received_details(request, TrunkHeaders(), NumberStyle(), anonymous=False).details == {}


def test_headers_are_bounded_in_number_and_length() -> None:
    request = invite(*((f"X-N{number}", "v" * 5_000) for number in range(60)))
    told = received_details(request, TrunkHeaders(("X-*",)), NumberStyle(), anonymous=False)
    assert len(told.details["headers"]) == 32
    assert {len(value) for value in told.variables.values()} == {1_024}
