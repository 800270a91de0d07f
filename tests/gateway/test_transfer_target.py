from __future__ import annotations

import pytest

from gateway.errors import ForbiddenError, InvalidRequestError
from gateway.transfer_target import dialled_numbers, transfer_uri
from store.records import NumberFormat, TrunkOutbound
from store.trunk_identity_records import LeadingPlus, NumberWriting
from tests.store.samples import trunk

PEER = "192.0.2.10:5070"


def test_a_number_is_written_as_its_trunk_does() -> None:
    outbound = TrunkOutbound("sip.example.com:5080")
    national = trunk("org", outbound=outbound, number_format=NumberFormat.NATIONAL, default_country="DE")
    assert transfer_uri("+493012345678", trunk("org", outbound=outbound), PEER) == (
        "sip:+493012345678@sip.example.com:5080"
    )
    assert transfer_uri("+493012345678", national, PEER) == "sip:03012345678@sip.example.com:5080"
    assert transfer_uri("+493012345678", trunk("org"), PEER) == f"sip:+493012345678@{PEER}"
    assert transfer_uri("+493012345678", None, PEER) == f"sip:+493012345678@{PEER}"


@pytest.mark.parametrize("uri", ["sip:desk@example.com", "SIPS:desk@example.com:5061", "tel:+14155550123"])
def test_a_uri_stays_as_it_is(uri: str) -> None:
    assert transfer_uri(uri, None, PEER) == uri


@pytest.mark.parametrize(
    "target",
    [
        "desk",
        "14155550123",
        "sip:",
        "sip:a@b c",
        "sip:a@example.com>,<sip:b@example.com",
        "sip:a@example.com\r\nX: y",
        "sip:a@example.com?Replaces=x",
        "sip:+1900:5550123@example.com",
        "sip:" + "a" * 600 + "@example.com",
        "http://example.com",
    ],
)
def test_what_is_neither_is_refused(target: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        transfer_uri(target, None, PEER)
    assert caught.value.details["field"] == "target"


@pytest.mark.parametrize(
    "target",
    [
        "sip:911@example.com",
        "tel:112",
        "tel:112;phone-context=+49",
        "+49112",
        "sip:9*911@example.com",
        "sip:9911@example.com",
        "sip:*67%23112@example.com",
    ],
)
def test_nobody_is_transferred_to_an_emergency_number(target: str) -> None:
    with pytest.raises(ForbiddenError) as caught:
        transfer_uri(target, None, PEER)
    assert caught.value.code == "emergency_number"


@pytest.mark.parametrize(
    ("target", "country", "numbers"),
    [
        ("+14155550123", None, ("+14155550123",)),
        ("sip:+1-900-555-1234@pbx.example.com", None, ("+19005551234",)),
        ("sip:19005551234@pbx.example.com", None, ("+19005551234",)),
        ("sips:0019005551234@pbx.example.com", None, ("+19005551234",)),
        ("sip:%2B19005551234@pbx.example.com", None, ("+19005551234",)),
        ("sip:9005551234@pbx.example.com", "US", ("+19005551234",)),
        ("sip:0119005551234@pbx.example.com", None, ("0119005551234", "+9005551234")),
        ("sip:9*19005551234@pbx.example.com", None, ("+19005551234",)),
        ("sip:*67%2B19005551234@pbx.example.com", None, ("+19005551234",)),
        ("sip:919005551234@pbx.example.com", "US", ("+919005551234", "+19005551234")),
        ("sip:90019005551234@pbx.example.com", None, ("+90019005551234", "+19005551234")),
        ("tel:9005551234;phone-context=+1", None, ("+19005551234",)),
        ("sip:9005551234;phone-context=+1@pbx.example.com", None, ("+19005551234",)),
        ("sip:2001@pbx.example.com", "US", ()),
        ("sip:desk@pbx.example.com", "US", ()),
    ],
)
def test_which_number_a_target_stands_for(target: str, country: str | None, numbers: tuple[str, ...]) -> None:
    assert dialled_numbers(target, trunk("org", default_country=country)) == numbers


def test_a_prefix_of_the_trunk_hides_no_number() -> None:
    prefixed = trunk(
        "org",
        outbound=TrunkOutbound("sip.example.com"),
        number_writing=NumberWriting(LeadingPlus.STRIP, "8899#"),
    )
    assert transfer_uri("+493012345678", prefixed, PEER) == "sip:8899%23493012345678@sip.example.com"
    assert dialled_numbers("sip:8899%2319005551234@pbx.example.com", prefixed) == ("+19005551234",)
    digits = trunk("org", number_writing=NumberWriting(LeadingPlus.STRIP, "777"))
    assert "+19005551234" in dialled_numbers("sip:77719005551234@pbx.example.com", digits)
    for target in ("+49112", "sip:777112@pbx.example.com"):
        with pytest.raises(ForbiddenError):
            transfer_uri(target, digits, PEER)


def test_a_prefix_that_the_carrier_takes_off_makes_no_other_number_of_the_one_called() -> None:
    """8812025550100 looks like a satellite telephone to everybody but the carrier that asks for 88."""
    prefixed = trunk(
        "org",
        outbound=TrunkOutbound("sip.example.com:5080"),
        number_writing=NumberWriting(LeadingPlus.STRIP, tech_prefix="88"),
    )
    assert dialled_numbers("sip:8812025550100@sip.example.com:5080", prefixed) == ("+12025550100",)
    assert dialled_numbers("sip:12025550100@sip.example.com", prefixed) == ("+12025550100",)
    assert dialled_numbers("sip:+8812025550100@sip.example.com", prefixed) == ("+8812025550100",)
    for elsewhere in ("sip:8812025550100@192.0.2.9", "sip:8812025550100@sip.example.com:5090"):
        assert dialled_numbers(elsewhere, prefixed) == ("+8812025550100", "+12025550100")
