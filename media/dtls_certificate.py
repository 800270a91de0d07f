"""The certificate by which DTLS-SRTP knows us: self-signed, made at start-up, named in SDP by its fingerprint
(RFC 5763, section 5), and the fingerprints of others (RFC 8122).
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

# A gateway that runs longer than this without a restart does not exist.
VALID_DAYS = 3650
# Clocks of phones go wrong; most do not look at the dates at all.
BACKDATED = datetime.timedelta(days=2)
# The hash functions of RFC 8122, section 5, without those that are broken for this purpose (MD5, MD2).
_HASHES = {
    "sha-1": hashlib.sha1,
    "sha-224": hashlib.sha224,
    "sha-256": hashlib.sha256,
    "sha-384": hashlib.sha384,
    "sha-512": hashlib.sha512,
}


@dataclass(frozen=True, slots=True)
class DtlsCertificate:
    """Certificate and key of one media plane."""

    certificate: x509.Certificate
    private_key: ec.EllipticCurvePrivateKey

    @classmethod
    def generate(cls) -> DtlsCertificate:
        """A new one, with an ECDSA key on P-256, which every implementation of WebRTC must know."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "trunkline")])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - BACKDATED)
            .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
            .sign(key, hashes.SHA256())
        )
        return cls(certificate, key)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as SDP spells it."""
        return fingerprint("sha-256", self.certificate.public_bytes(serialization.Encoding.DER))


def fingerprint(function: str, certificate: bytes) -> str:
    """The digest of a certificate in DER: upper-case hexadecimal with colons. Raises `ValueError` for a hash
    function that is unknown or not to be trusted.
    """
    digest: Any = _HASHES.get(function.lower())
    if digest is None:
        raise ValueError(f"no fingerprint by {function}")
    return ":".join(f"{byte:02X}" for byte in digest(certificate).digest())


def matches(fingerprints: tuple[tuple[str, str], ...], certificate: bytes) -> bool:
    """Whether a certificate in DER is the one that was signalled: judged by the strongest hash function that
    both know (RFC 8122, section 5.1), by which one of those told must fit.
    """
    known = [(function.lower(), told) for function, told in fingerprints if function.lower() in _HASHES]
    if not known:
        return False
    order = list(_HASHES)
    strongest = max((function for function, _ in known), key=order.index)
    own = fingerprint(strongest, certificate).encode()
    return any(
        hmac.compare_digest(own, told.upper().encode()) for function, told in known if function == strongest
    )
