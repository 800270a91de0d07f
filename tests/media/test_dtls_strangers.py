"""Our DTLS against the `openssl` program, in both roles: the same suite, the same keys in the right order."""

from __future__ import annotations

import re
import select
import socket
import subprocess
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from media.dtls import DtlsContext, DtlsEndpoint, DtlsState
from media.dtls_certificate import DtlsCertificate
from media.messages import DtlsParameters, SrtpSuite

PROFILES = {
    "SRTP_AEAD_AES_256_GCM": (SrtpSuite.AEAD_AES_256_GCM, 32),
    "SRTP_AEAD_AES_128_GCM": (SrtpSuite.AEAD_AES_128_GCM, 16),
    "SRTP_AES128_CM_SHA1_80": (SrtpSuite.AES_CM_128_HMAC_SHA1_80, 16),
    "SRTP_AES128_CM_SHA1_32": (SrtpSuite.AES_CM_128_HMAC_SHA1_32, 16),
}
LIMIT_S = 15.0


def pem_files(directory: Path, certificate: DtlsCertificate) -> list[str]:
    """The options that name certificate and key."""
    shown, key = directory / "cert.pem", directory / "key.pem"
    shown.write_bytes(certificate.certificate.public_bytes(Encoding.PEM))
    key.write_bytes(certificate.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return ["-cert", str(shown), "-key", str(key)]


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def run(endpoint: DtlsEndpoint, ours: socket.socket, theirs: tuple[str, int] | None) -> None:
    """Carry datagrams until the handshake is over."""
    limit = time.monotonic() + LIMIT_S
    while endpoint.state is DtlsState.HANDSHAKE and time.monotonic() < limit:
        for data in endpoint.take_outgoing():
            assert theirs is not None
            try:
                ours.sendto(data, theirs)
            except ConnectionRefusedError:
                pass  # it does not listen yet
        if select.select([ours], [], [], 0.05)[0]:
            try:
                data, theirs = ours.recvfrom(4096)
            except ConnectionRefusedError:
                continue
            endpoint.receive(data, time.monotonic())
        endpoint.poll(time.monotonic())
    for data in endpoint.take_outgoing():
        assert theirs is not None
        ours.sendto(data, theirs)


def exported(output: str, profile: str) -> tuple[bytes, bytes]:
    """The client's and the server's key with salt, as RFC 5764 cuts them from what `openssl` exports."""
    suite, key_bytes = PROFILES[profile]
    salt_bytes = suite.key_bytes - key_bytes
    material = re.search(r"Keying material: ([0-9A-F]+)", output)
    assert material, output
    blob = bytes.fromhex(material[1])
    first, second = blob[:key_bytes], blob[key_bytes : 2 * key_bytes]
    salts = blob[2 * key_bytes :]
    return first + salts[:salt_bytes], second + salts[salt_bytes:]


@pytest.mark.parametrize("role", ["s_client", "s_server"])
@pytest.mark.parametrize("profile", list(PROFILES))
def test_openssl_agrees_with_us(tmp_path: Path, profile: str, role: str) -> None:
    suite, _ = PROFILES[profile]
    certificate = DtlsCertificate.generate()
    active = role == "s_server"  # we are the other one
    parameters = DtlsParameters(fingerprints=(("sha-256", certificate.fingerprint),), active=active)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.bind(("127.0.0.1", 0))
        port = free_port()
        if active:
            where = ["-port", str(port), "-verify", "1"]
        else:
            where = ["-connect", f"127.0.0.1:{ours.getsockname()[1]}"]
        command = [
            *("openssl", role, "-dtls1_2", "-use_srtp", profile, *where),
            *("-keymatexport", "EXTRACTOR-dtls_srtp", "-keymatexportlen", str(2 * suite.key_bytes)),
            *pem_files(tmp_path, certificate),
        ]
        log = tmp_path / "openssl.log"
        with (
            log.open("wb") as output,
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=output) as process,
        ):
            try:
                endpoint = DtlsEndpoint(DtlsContext(DtlsCertificate.generate()), parameters, time.monotonic())
                run(endpoint, ours, ("127.0.0.1", port) if active else None)
                assert endpoint.state is DtlsState.ESTABLISHED, (endpoint.failure, log.read_text())
                limit = time.monotonic() + LIMIT_S
                while "Keying material:" not in log.read_text() and time.monotonic() < limit:
                    time.sleep(0.02)
            finally:
                process.kill()
    client, server = exported(log.read_text(), profile)
    assert endpoint.keys is not None
    assert endpoint.keys.suite is suite
    assert (endpoint.keys.send, endpoint.keys.receive) == ((client, server) if active else (server, client))
