"""Identity headers: what is read, what is refused, and what we make."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from gateway.stir.passport import PassportError, digits, read_identity, sign_identity
from tests.gateway.stir.signer import claims, encoded, identity
from tests.support.certificates import Authority

URL = "https://certificates.example.com/a.pem"
PAIR = Authority().sign("carrier.example.com")
GOOD = claims(caller="12155551212", called="12355551212", now=1_700_000_000)


def test_a_shaken_token_is_read() -> None:
    passport = read_identity([identity(PAIR, URL, GOOD)])
    assert passport.certificate_url == URL
    assert (passport.origin, passport.destinations) == ("12155551212", ("12355551212",))
    assert (passport.attestation, passport.issued_at) == ("A", 1_700_000_000)


def test_the_shaken_one_of_several_is_taken_and_others_are_not_mistaken_for_it() -> None:
    diverted = identity(PAIR, URL, GOOD, ppt="div")
    shaken = identity(PAIR, URL, GOOD)
    plain = identity(PAIR, URL, claims(caller="1", called="2", now=1, attest=None), ppt=None)
    assert read_identity([diverted, "nonsense", plain, shaken]).extension == "shaken"
    assert read_identity([diverted, plain]).extension is None
    with pytest.raises(PassportError, match="no Identity header tells who calls"):
        read_identity([diverted])


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("", "three parts"),
        ("a.b", "three parts"),
        ("..c", "compact form"),
        ("a.b.c", "encoding|JSON"),
        ("*.*.*;info=<x>", "encoding"),
        (f"{encoded(b'[]')}.{encoded(b'{}')}.{encoded(b'x')}", "JSON"),
        (identity(PAIR, URL, GOOD, alg="none"), "not ES256"),
        (identity(PAIR, URL, GOOD, alg="HS256"), "not ES256"),
        (identity(PAIR, URL, GOOD, typ="JWT"), "no PASSporT"),
        (identity(PAIR, URL, GOOD).replace(f"info=<{URL}>", "info=<https://other.example>"), "another cert"),
        (identity(PAIR, URL, GOOD | {"attest": "D"}), "no attestation"),
        (identity(PAIR, URL, GOOD | {"orig": {"uri": "sip:a@b"}}), "no calling number"),
        (identity(PAIR, URL, GOOD | {"iat": "now"}), "JSON"),
        ("x" * 9_000 + ".b.c", "too long"),
    ],
)
def test_what_is_no_token_is_refused_with_a_reason(value: str, fault: str) -> None:
    with pytest.raises(PassportError, match=fault):
        read_identity([value])


@given(st.lists(st.text(max_size=60), max_size=3))
def test_nothing_that_comes_raises_anything_else(values: list[str]) -> None:
    with pytest.raises(PassportError):
        read_identity(values)


def test_what_we_sign_is_read_back_and_bears_our_signature_alone() -> None:
    key, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    value = sign_identity(
        key,
        URL,
        origin="+12155551212",
        destination="+1 235 555 1212",
        attestation="B",
        origination_id="3a47ca23-d7ab-446b-821d-33d5deedbed4",
        now=1_700_000_000,
    )
    assert value.endswith(f";info=<{URL}>;alg=ES256;ppt=shaken")
    passport = read_identity([value])
    assert (passport.origin, passport.destinations, passport.attestation) == (
        "12155551212",
        ("12355551212",),
        "B",
    )
    assert passport.check_signature(key.public_key())
    assert not passport.check_signature(other.public_key())
    forged = value.replace(value.split(".")[1], encoded(json.dumps(GOOD).encode()))
    assert not read_identity([forged]).check_signature(key.public_key())


def test_numbers_are_digits_alone() -> None:
    assert digits("+1 (215) 555-1212") == "12155551212"
