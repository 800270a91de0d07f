"""How a leg's media is encrypted: keys from the session description, or how to agree on them."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class SrtpSuite(StrEnum):
    """Crypto suites, named as in RFC 4568 and RFC 7714, the strongest first."""

    AEAD_AES_256_GCM = "AEAD_AES_256_GCM"
    AEAD_AES_128_GCM = "AEAD_AES_128_GCM"
    AES_CM_128_HMAC_SHA1_80 = "AES_CM_128_HMAC_SHA1_80"
    AES_CM_128_HMAC_SHA1_32 = "AES_CM_128_HMAC_SHA1_32"

    @property
    def key_bytes(self) -> int:
        """Length of a master key with its salt."""
        return {"AEAD_AES_256_GCM": 44, "AEAD_AES_128_GCM": 28}.get(self.value, 30)


class SrtpKeys(msgspec.Struct, frozen=True, kw_only=True):
    """Keys for both directions: master key and salt, one behind the other."""

    suite: SrtpSuite
    send: bytes
    receive: bytes

    def __repr__(self) -> str:
        return f"SrtpKeys(suite={self.suite.value!r}, keys not shown)"


class DtlsParameters(msgspec.Struct, frozen=True, kw_only=True):
    """DTLS-SRTP (RFC 5764): the keys are agreed on the media path, with the party whose certificate has one
    of the `fingerprints` (hash function as in SDP, such as `sha-256`, and the bytes in upper-case hexadecimal
    with colons). `active`: we begin the handshake.
    """

    fingerprints: tuple[tuple[str, str], ...]
    active: bool


class IceParameters(msgspec.Struct, frozen=True, kw_only=True):
    """The far party checks the path to us (RFC 8445, of which we are the lite half)."""

    local_ufrag: str
    local_password: str
    remote_ufrag: str
    remote_password: str

    def __repr__(self) -> str:
        return f"IceParameters(local_ufrag={self.local_ufrag!r}, remote_ufrag={self.remote_ufrag!r})"
