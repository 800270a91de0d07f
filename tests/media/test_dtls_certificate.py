import hashlib

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from media.dtls_certificate import DtlsCertificate, fingerprint, matches


def test_the_fingerprint_is_spelled_as_in_sdp() -> None:
    certificate = DtlsCertificate.generate()
    der = certificate.certificate.public_bytes(Encoding.DER)
    assert certificate.fingerprint.replace(":", "") == hashlib.sha256(der).hexdigest().upper()
    assert len(certificate.fingerprint.split(":")) == 32


def test_every_certificate_is_its_own() -> None:
    assert DtlsCertificate.generate().fingerprint != DtlsCertificate.generate().fingerprint


@pytest.mark.parametrize("function", ["sha-1", "sha-224", "sha-256", "sha-384", "sha-512", "SHA-256"])
def test_a_certificate_is_known_by_its_fingerprint(function: str) -> None:
    told = fingerprint(function, b"certificate")
    assert matches(((function, told.lower()),), b"certificate")
    assert not matches(((function, told),), b"another")


def test_broken_hash_functions_prove_nothing() -> None:
    md5 = ":".join(f"{byte:02X}" for byte in hashlib.md5(b"certificate").digest())
    assert not matches((("md5", md5),), b"certificate")
    assert not matches((), b"certificate")
    with pytest.raises(ValueError, match="md5"):
        fingerprint("md5", b"certificate")


def test_the_strongest_function_decides() -> None:
    right, weak = fingerprint("sha-256", b"certificate"), fingerprint("sha-1", b"certificate")
    assert not matches((("sha-1", weak), ("sha-256", fingerprint("sha-256", b"another"))), b"certificate")
    assert matches((("sha-1", fingerprint("sha-1", b"another")), ("sha-256", right)), b"certificate")


def test_one_of_several_certificates_is_enough() -> None:
    told = (("sha-256", fingerprint("sha-256", b"another")), ("sha-256", fingerprint("sha-256", b"this")))
    assert matches(told, b"this")
