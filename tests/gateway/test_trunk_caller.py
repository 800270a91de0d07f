"""Whom an INVITE of ours shows as the caller."""

from __future__ import annotations

from dataclasses import replace

from gateway.trunk_caller import ShownCaller, own_headers, shown_caller
from store.records import TrunkOutbound
from store.trunk_identity_records import (
    DisplayName,
    LeadingPlus,
    NumberWriting,
    TrunkCallerIdentity,
    TrunkHeaders,
)
from tests.store.samples import trunk


def shown(
    identity: TrunkCallerIdentity, *, private: bool | None = None, writing: NumberWriting | None = None
) -> ShownCaller:
    outbound = TrunkOutbound("sip.example.com", caller_identity=identity)
    sent_over = trunk("org", name="Carrier", outbound=outbound, number_writing=writing or NumberWriting())
    return shown_caller(sent_over, outbound, "gw.example.com", "+15550100", "Ann\r\nB", private)


def test_by_itself_the_number_is_in_from_and_nowhere_else() -> None:
    assert shown(TrunkCallerIdentity()) == ShownCaller(
        "sip:+15550100@gw.example.com", None, (), tells_number=True
    )


def test_names_and_asserted_identities_are_shown_where_asked_for() -> None:
    told = shown(TrunkCallerIdentity(None, DisplayName.AGENT, True, True))
    assert told.from_display == "Ann B"
    assert told.headers == (
        ("P-Asserted-Identity", "<sip:+15550100@gw.example.com>"),
        ("P-Preferred-Identity", "<sip:+15550100@gw.example.com>"),
    )
    assert shown(TrunkCallerIdentity(display_name=DisplayName.TRUNK)).from_display == "Carrier"


def test_an_account_in_from_is_signed_only_beside_an_asserted_number() -> None:
    account = TrunkCallerIdentity(from_user="acct77")
    assert shown(account).from_uri == "sip:acct77@gw.example.com"
    assert not shown(account).tells_number
    assert shown(replace(account, p_asserted_identity=True)).tells_number


def test_a_withheld_caller_is_anonymous_and_never_signed() -> None:
    identity = TrunkCallerIdentity(p_asserted_identity=True, diversion="+15550199")
    told = shown(identity, private=True)
    assert (told.from_uri, told.from_display) == ("sip:anonymous@anonymous.invalid", "Anonymous")
    assert told.headers == (("P-Asserted-Identity", "<sip:+15550100@gw.example.com>"), ("Privacy", "id"))
    assert not told.tells_number
    assert shown(replace(identity, private=True), private=False).from_uri.startswith("sip:+15550100")


def test_a_diversion_is_written_as_the_trunk_writes_numbers() -> None:
    told = shown(TrunkCallerIdentity(diversion="+15550199"), writing=NumberWriting(LeadingPlus.STRIP))
    assert told.headers == (("Diversion", "<sip:15550199@gw.example.com>;reason=unconditional;counter=1"),)


def test_a_calls_header_takes_the_place_of_the_trunks() -> None:
    over = trunk("org", headers=TrunkHeaders(outbound={"X-Tier": "gold", "X-Site": "b"}))
    assert own_headers(over, {"x-tier": "silver"}) == (("X-Site", "b"), ("x-tier", "silver"))
    assert own_headers(over, None) == (("X-Tier", "gold"), ("X-Site", "b"))
