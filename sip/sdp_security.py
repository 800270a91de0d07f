"""What session descriptions say about encrypted media: keys in the description (SDES, RFC 4568; suites of RFC
7714 too), certificates' fingerprints (RFC 8122) with the roles of DTLS-SRTP (RFC 5763), and the credentials
of ICE (RFC 8839).
"""

from __future__ import annotations

import base64
import binascii
import re
from enum import StrEnum
from typing import Final

import msgspec

from sip.sdp import Attribute, MediaDescription, SessionDescription

#: Crypto suites, the strongest first, and the length of a master key with its salt.
SUITES: Final[dict[str, int]] = {
    "AEAD_AES_256_GCM": 44,
    "AEAD_AES_128_GCM": 28,
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AES_CM_128_HMAC_SHA1_32": 30,
}
#: Profiles of the m= line, by what they say about encryption.
PLAIN_PROFILES: Final = frozenset({"RTP/AVP", "RTP/AVPF"})
SDES_PROFILES: Final = frozenset({"RTP/SAVP", "RTP/SAVPF"})
DTLS_PROFILES: Final = frozenset({"UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"})
PROFILES: Final = PLAIN_PROFILES | SDES_PROFILES | DTLS_PROFILES

_HASHES = ("sha-512", "sha-384", "sha-256")  # weaker ones prove nothing
_FINGERPRINT = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2}){31,63}")
_ICE = re.compile(r"[A-Za-z0-9+/]{4,256}")
_MAXIMUM_LINES = 32


class MediaEncryption(StrEnum):
    """Whether a call's media is to be encrypted."""

    DISABLE = "disable"
    ALLOW = "allow"  # when the far party does (RFC 8643)
    REQUIRE = "require"


class SrtpKeying(StrEnum):
    """How the keys of SRTP are agreed."""

    SDES = "sdes"
    DTLS = "dtls"


class CryptoAttribute(msgspec.Struct, frozen=True):
    """One a=crypto line. `key` is the master key with its salt."""

    tag: int
    suite: str
    key: bytes

    @classmethod
    def parse(cls, value: str) -> CryptoAttribute | None:
        """None for a line that we cannot use: an unknown suite, a key of the wrong length, several keys or
        one with an identifier in each packet (MKI), or session parameters that change how packets look. The
        lifetime of a key is not looked at: a call is over long before 2^48 packets.
        """
        parts = value.split()
        if len(parts) < 3 or not (parts[0].isascii() and parts[0].isdigit() and len(parts[0]) <= 9):
            return None
        suite, parameters = parts[1].upper(), parts[2]
        method, colon, text = parameters.partition(":")
        if suite not in SUITES or method.lower() != "inline" or not colon or ";" in parameters:
            return None
        key, *options = text.split("|")
        if any(":" in option for option in options):
            return None
        # WSH is advice about the replay window, and an unknown parameter that begins with `-` is optional.
        if any(not parameter.upper().startswith(("WSH=", "-")) for parameter in parts[3:]):
            return None
        try:
            decoded = base64.b64decode(key + "=" * (-len(key) % 4), validate=True)
        except (binascii.Error, ValueError):
            return None
        return cls(int(parts[0]), suite, decoded) if len(decoded) == SUITES[suite] else None

    def __str__(self) -> str:
        return f"{self.tag} {self.suite} inline:{base64.b64encode(self.key).decode()}"

    def __repr__(self) -> str:
        return f"CryptoAttribute({self.tag}, {self.suite}, key not shown)"


def crypto_attributes(section: MediaDescription) -> list[CryptoAttribute]:
    """The usable a=crypto lines, the strongest first, those of one suite in the peer's order."""
    lines = [value for name, value in section.attributes if name == "crypto" and value is not None]
    usable = [
        parsed for line in lines[:_MAXIMUM_LINES] if (parsed := CryptoAttribute.parse(line)) is not None
    ]
    order = list(SUITES)
    return sorted(usable, key=lambda line: order.index(line.suite))


class DtlsIdentity(msgspec.Struct, frozen=True):
    """The certificate that a party will show. `setup` is `active`, `passive` or `actpass` (RFC 4145)."""

    fingerprints: tuple[tuple[str, str], ...]
    setup: str


def dtls_identity(description: SessionDescription, section: MediaDescription) -> DtlsIdentity | None:
    """What the description says of it, for the section or for all; None when it says nothing usable."""
    fingerprints = _fingerprints(section.attributes) or _fingerprints(description.attributes)
    if not fingerprints:
        return None
    setup = _value(description, section, "setup") or "actpass"
    return DtlsIdentity(fingerprints, setup.lower())


def _fingerprints(attributes: tuple[Attribute, ...]) -> tuple[tuple[str, str], ...]:
    found = []
    for name, value in attributes:
        if name == "fingerprint" and value is not None:
            function, _, digest = value.partition(" ")
            function, digest = function.lower(), digest.strip().upper()
            if function in _HASHES and _FINGERPRINT.fullmatch(digest):
                found.append((function, digest))
    return tuple(found[:_MAXIMUM_LINES])


class IceCredentials(msgspec.Struct, frozen=True):
    """User name fragment and password of one side."""

    ufrag: str
    password: str

    def __repr__(self) -> str:
        return f"IceCredentials({self.ufrag!r}, password not shown)"


def ice_credentials(description: SessionDescription, section: MediaDescription) -> IceCredentials | None:
    """What the description says, for the section or for all; None when it asks for no ICE."""
    ufrag = _value(description, section, "ice-ufrag")
    password = _value(description, section, "ice-pwd")
    if ufrag is None or password is None:
        return None
    # RFC 8839, section 5.4: at least 4 and 22 characters.
    if not _ICE.fullmatch(ufrag) or not _ICE.fullmatch(password) or len(password) < 22:
        return None
    return IceCredentials(ufrag, password)


def is_ice_lite(description: SessionDescription) -> bool:
    """Whether the far party is a lite agent itself (RFC 8839, section 5.3)."""
    return any(name == "ice-lite" for name, _ in description.attributes)


def _value(description: SessionDescription, section: MediaDescription, name: str) -> str | None:
    """An attribute's value: the section's own, else the session's."""
    value = section.attribute(name)
    if value is None:
        value = next((text or "" for key, text in description.attributes if key == name), None)
    return value.strip() if value is not None else None
