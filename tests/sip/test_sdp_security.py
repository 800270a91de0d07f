"""Lines of session descriptions about keys, certificates and ICE."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip.sdp import SessionDescription
from sip.sdp_security import (
    SUITES,
    CryptoAttribute,
    crypto_attributes,
    dtls_identity,
    ice_credentials,
)

KEY = bytes(range(30))
INLINE = base64.b64encode(KEY).decode()
SHA_256 = ":".join(f"{byte:02X}" for byte in range(32))


def description(*lines: str, session: tuple[str, ...] = ()) -> SessionDescription:
    head = ("v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0", *session)
    return SessionDescription.parse("\r\n".join([*head, "m=audio 4000 RTP/SAVP 0", *lines, ""]).encode())


def test_a_key_is_read() -> None:
    parsed = CryptoAttribute.parse(f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}")
    assert parsed == CryptoAttribute(1, "AES_CM_128_HMAC_SHA1_80", KEY)
    assert str(parsed) == f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}"


@pytest.mark.parametrize(
    "line",
    [
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}|2^20",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}|1000000",
        f"1 aes_cm_128_hmac_sha1_80 INLINE:{INLINE} WSH=1024",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE} -OPTIONAL=1",
        f"1  AES_CM_128_HMAC_SHA1_80   inline:{INLINE}",
    ],
)
def test_what_does_not_change_packets_is_taken(line: str) -> None:
    parsed = CryptoAttribute.parse(line)
    assert parsed is not None
    assert parsed.key == KEY


def test_base64_without_its_padding_is_taken() -> None:
    key = bytes(range(28))
    text = base64.b64encode(key).decode().rstrip("=")
    parsed = CryptoAttribute.parse(f"3 AEAD_AES_128_GCM inline:{text}")
    assert parsed == CryptoAttribute(3, "AEAD_AES_128_GCM", key)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "1",
        "1 AES_CM_128_HMAC_SHA1_80",
        f"x AES_CM_128_HMAC_SHA1_80 inline:{INLINE}",
        f"1 F8_128_HMAC_SHA1_80 inline:{INLINE}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}|2^20|1:4",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE};inline:{INLINE}",
        f"1 AES_CM_128_HMAC_SHA1_80 uri:{INLINE}",
        "1 AES_CM_128_HMAC_SHA1_80 inline:####",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE[:-4]}",
        f"1 AEAD_AES_256_GCM inline:{INLINE}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE} UNENCRYPTED_SRTP",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE} KDR=1",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE} UNAUTHENTICATED_SRTP",
    ],
)
def test_what_we_cannot_do_is_not_taken(line: str) -> None:
    assert CryptoAttribute.parse(line) is None


@given(st.text(max_size=80))
def test_no_line_raises(line: str) -> None:
    CryptoAttribute.parse(line)
    CryptoAttribute.parse(f"1 AES_CM_128_HMAC_SHA1_80 inline:{line}")


def test_the_strongest_suite_stands_first_whatever_the_peers_order() -> None:
    lines = [
        f"a=crypto:{tag} {suite} inline:{base64.b64encode(bytes(size)).decode()}"
        for tag, (suite, size) in enumerate(reversed(SUITES.items()), 1)
    ]
    found = crypto_attributes(description(*lines, "a=crypto:9 UNKNOWN inline:xx").media[0])
    assert [line.suite for line in found] == list(SUITES)


def test_keys_are_not_shown() -> None:
    assert INLINE not in repr(CryptoAttribute(1, "AES_CM_128_HMAC_SHA1_80", KEY))
    assert "00010203" not in repr(CryptoAttribute(1, "AES_CM_128_HMAC_SHA1_80", KEY))


def test_a_fingerprint_may_stand_for_the_section_or_for_all() -> None:
    for found in (
        description(f"a=fingerprint:SHA-256 {SHA_256.lower()}", "a=setup:ACTPASS"),
        description(session=(f"a=fingerprint:sha-256 {SHA_256}", "a=setup:actpass")),
    ):
        identity = dtls_identity(found, found.media[0])
        assert identity is not None
        assert identity.fingerprints == (("sha-256", SHA_256),)
        assert identity.setup == "actpass"


@pytest.mark.parametrize("value", ["sha-1 AA:BB", f"md5 {SHA_256}", "sha-256", "sha-256 AA:BB", "sha-256 zz"])
def test_a_fingerprint_that_proves_nothing_is_none(value: str) -> None:
    found = description(f"a=fingerprint:{value}")
    assert dtls_identity(found, found.media[0]) is None


def test_ice_needs_both_credentials_of_their_lengths() -> None:
    whole = description("a=ice-ufrag:abcd", "a=ice-pwd:" + "p" * 22)
    credentials = ice_credentials(whole, whole.media[0])
    assert credentials is not None
    assert (credentials.ufrag, credentials.password) == ("abcd", "p" * 22)
    assert "pppp" not in repr(credentials)
    for lines in (
        ("a=ice-ufrag:abcd",),
        ("a=ice-ufrag:abc", "a=ice-pwd:" + "p" * 22),
        ("a=ice-ufrag:abcd", "a=ice-pwd:short"),
    ):
        found = description(*lines)
        assert ice_credentials(found, found.media[0]) is None
