"""PASSporTs (RFC 8225) with the SHAKEN extension (RFC 8588), as the Identity header carries them (RFC 8224):
reading, checking the signature, and making them. No clock, no network.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

SHAKEN = "shaken"
ATTESTATIONS = ("A", "B", "C")
MAX_TOKEN = 8_192
MAX_NUMBERS = 64
_HALF = 32  # bytes of r and of s: P-256
_NOT_DIGITS = re.compile(r"[^0-9*#]")


class PassportError(Exception):
    """An Identity header that cannot be used; the text says why."""


class _Header(msgspec.Struct):
    alg: str
    x5u: str
    typ: str = "passport"
    ppt: str | None = None


class _Origin(msgspec.Struct):
    tn: str | None = None
    uri: str | None = None


class _Destination(msgspec.Struct):
    tn: list[str] = []
    uri: list[str] = []


class _Claims(msgspec.Struct):
    iat: int
    orig: _Origin
    dest: _Destination
    attest: str | None = None
    origid: str | None = None


_read_header = msgspec.json.Decoder(_Header).decode
_read_claims = msgspec.json.Decoder(_Claims).decode


@dataclass(frozen=True, slots=True)
class Passport:
    """One token as it was read; nothing in it is believed before `check_signature`. Numbers are digits
    alone, `issued_at` is Unix time.
    """

    certificate_url: str
    issued_at: int
    origin: str
    destinations: tuple[str, ...]
    attestation: str | None
    extension: str | None
    signed: bytes
    signature: bytes

    def check_signature(self, key: ec.EllipticCurvePublicKey) -> bool:
        """Whether the holder of the certificate has signed this."""
        try:
            key.verify(self.signature, self.signed, ec.ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True


def digits(number: str) -> str:
    """A number as PASSporTs write it (RFC 8224 section 8.3): no plus, no separators."""
    return _NOT_DIGITS.sub("", number)


def read_identity(values: list[str]) -> Passport:
    """The PASSporT that tells of the caller among the Identity headers of an INVITE: the SHAKEN one, else
    the first. Raises `PassportError`.
    """
    fault: PassportError | None = None
    read: list[Passport] = []
    for value in values[:8]:
        try:
            passport = _read_value(value)
        except PassportError as error:
            fault = fault or error
            continue
        if passport.extension == SHAKEN:
            return passport
        read.append(passport)
    # "div" and other extensions tell of something else than who calls.
    plain = [passport for passport in read if passport.extension is None]
    if plain:
        return plain[0]
    raise fault or PassportError("no Identity header tells who calls")


def _read_value(value: str) -> Passport:
    token, _, parameters = value.partition(";")
    token = token.strip()
    if len(token) > MAX_TOKEN:
        raise PassportError("the token is too long")
    parts = token.split(".")
    if len(parts) != 3:
        raise PassportError("the token does not have three parts")
    if not parts[0] or not parts[1]:
        raise PassportError("the token is in compact form")
    try:
        header = _read_header(_decoded(parts[0]))
        claims = _read_claims(_decoded(parts[1]))
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise PassportError("the token's JSON cannot be read") from error
    signature = _decoded(parts[2])
    if header.alg != "ES256":
        raise PassportError(f"the algorithm is {header.alg[:16]!r}, not ES256")
    if header.typ != "passport" or len(signature) != 2 * _HALF:
        raise PassportError("the token is no PASSporT")
    if _info_of(parameters) not in (None, header.x5u):
        raise PassportError("the header names another certificate than the token")
    if header.ppt == SHAKEN and claims.attest not in ATTESTATIONS:
        raise PassportError("the token has no attestation")
    if claims.orig.tn is None:
        raise PassportError("the token names no calling number")
    half = (int.from_bytes(signature[:_HALF]), int.from_bytes(signature[_HALF:]))
    return Passport(
        certificate_url=header.x5u,
        issued_at=claims.iat,
        origin=digits(claims.orig.tn),
        destinations=tuple(digits(number) for number in claims.dest.tn[:MAX_NUMBERS]),
        attestation=claims.attest if header.ppt == SHAKEN else None,
        extension=header.ppt,
        signed=f"{parts[0]}.{parts[1]}".encode(),
        signature=encode_dss_signature(*half),
    )


def _info_of(parameters: str) -> str | None:
    """The URI of `info=<...>`; None without one (the token has it too)."""
    found = re.search(r"(?:^|;)\s*info\s*=\s*<([^<>]{1,2048})>", parameters, re.IGNORECASE)
    return None if found is None else found[1]


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise PassportError("the token's encoding cannot be read") from error


def sign_identity(
    key: ec.EllipticCurvePrivateKey,
    certificate_url: str,
    *,
    origin: str,
    destination: str,
    attestation: str,
    origination_id: str,
    now: int,
) -> str:
    """The value of an Identity header for a call."""
    header = {"alg": "ES256", "ppt": SHAKEN, "typ": "passport", "x5u": certificate_url}
    claims = {
        "attest": attestation,
        "dest": {"tn": [digits(destination)]},
        "iat": now,
        "orig": {"tn": digits(origin)},
        "origid": origination_id,
    }
    signed = f"{_encoded(header)}.{_encoded(claims)}"
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(SHA256())))
    signature = r.to_bytes(_HALF) + s.to_bytes(_HALF)
    token = f"{signed}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"
    return f"{token};info=<{certificate_url}>;alg=ES256;ppt={SHAKEN}"


def _encoded(part: dict[str, Any]) -> str:
    """Keys in order and no blanks (RFC 8225 section 9)."""
    return base64.urlsafe_b64encode(msgspec.json.encode(part, order="sorted")).decode().rstrip("=")
