"""SRTP against the vectors of RFC 3711 and arithmetic done by another library."""

import hashlib
import hmac
import struct

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from media.messages import SrtpSuite
from media.srtp import SrtpError, SrtpProtector, SrtpUnprotector

# RFC 3711, appendix B.3: a master key with its salt, and the session keys that follow from them.
MASTER_KEY = bytes.fromhex("E1F97A0D3E018BE0D64FA32C06DE4139")
MASTER_SALT = bytes.fromhex("0EC675AD498AFEEBB6960B3AABE6")
CIPHER_KEY = bytes.fromhex("C61E7A93744F39EE10734AFE3FF7A087")
CIPHER_SALT = bytes.fromhex("30CBBC08863D8C85D49DB34A9AE1")
AUTH_KEY = bytes.fromhex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4")

SSRC = 0xCAFEBABE
PAYLOAD = bytes(range(160))


def rtp_packet(sequence: int, *, ssrc: int = SSRC, payload: bytes = PAYLOAD) -> bytes:
    return struct.pack("!BBHII", 0x80, 0, sequence & 0xFFFF, sequence * 160 & 0xFFFFFFFF, ssrc) + payload


def keys_of(suite: SrtpSuite) -> bytes:
    return bytes(range(1, 1 + suite.key_bytes))


def aes_ctr(key: bytes, counter: int, data: bytes) -> bytes:
    encryptor = Cipher(AES(key), CTR(counter.to_bytes(16))).encryptor()
    return encryptor.update(data) + encryptor.finalize()


def derived(key: bytes, salt: bytes, label: int, length: int) -> bytes:
    """RFC 3711, section 4.3, with a key derivation rate of zero."""
    x = int.from_bytes(salt.ljust(14, b"\0")) ^ label << 48
    return aes_ctr(key, x << 16, bytes(length))


def expected_aes_cm(packet: bytes, index: int, tag_bytes: int) -> bytes:
    """RFC 3711, sections 4.1.1 and 4.2, from the session keys of the appendix."""
    counter = (int.from_bytes(CIPHER_SALT) << 16) ^ (SSRC << 64) ^ (index << 16)
    encrypted = packet[:12] + aes_ctr(CIPHER_KEY, counter, packet[12:])
    tag = hmac.new(AUTH_KEY, encrypted + struct.pack("!I", index >> 16), hashlib.sha1).digest()
    return encrypted + tag[:tag_bytes]


def test_the_session_keys_of_the_appendix_follow_from_its_master_key() -> None:
    assert derived(MASTER_KEY, MASTER_SALT, 0, 16) == CIPHER_KEY
    assert derived(MASTER_KEY, MASTER_SALT, 2, 14) == CIPHER_SALT
    assert derived(MASTER_KEY, MASTER_SALT, 1, 20) == AUTH_KEY


@pytest.mark.parametrize(
    ("suite", "tag_bytes"), [(SrtpSuite.AES_CM_128_HMAC_SHA1_80, 10), (SrtpSuite.AES_CM_128_HMAC_SHA1_32, 4)]
)
def test_packets_are_encrypted_and_signed_as_the_appendix_has_it(suite: SrtpSuite, tag_bytes: int) -> None:
    protector = SrtpProtector(suite, MASTER_KEY + MASTER_SALT)
    for sequence in (0x1234, 0x1235, 0xFFFF, 0x10000, 0x10001):  # the rollover counter grows on the way
        packet = rtp_packet(sequence)
        assert protector.protect(packet) == expected_aes_cm(packet, sequence, tag_bytes)


@pytest.mark.parametrize("suite", [SrtpSuite.AEAD_AES_128_GCM, SrtpSuite.AEAD_AES_256_GCM])
def test_packets_are_sealed_as_rfc_7714_has_it(suite: SrtpSuite) -> None:
    both = keys_of(suite)
    master, salt = both[:-12], both[-12:]
    cipher_key = derived(master, salt, 0, len(master))
    cipher_salt = derived(master, salt, 2, 12)
    protector = SrtpProtector(suite, both)
    for sequence in (7, 8, 0xFFFF, 0x10000):
        packet = rtp_packet(sequence)
        # Section 8.1: 16 zero bits, SSRC, rollover counter, sequence; combined with the salt.
        nonce = int.from_bytes(struct.pack("!HIIH", 0, SSRC, sequence >> 16, sequence & 0xFFFF))
        sealed = AESGCM(cipher_key).encrypt(
            (nonce ^ int.from_bytes(cipher_salt)).to_bytes(12), packet[12:], packet[:12]
        )
        assert protector.protect(packet) == packet[:12] + sealed


@pytest.mark.parametrize("suite", SrtpSuite)
def test_what_one_half_protects_the_other_opens(suite: SrtpSuite) -> None:
    key = keys_of(suite)
    protector, unprotector = SrtpProtector(suite, key), SrtpUnprotector(suite, key)
    for sequence in range(0xFFF0, 0x10020):
        packet = rtp_packet(sequence)
        assert unprotector.unprotect(protector.protect(packet)) == packet
    report = bytes.fromhex("80c80006") + SSRC.to_bytes(4) + PAYLOAD[:20]
    protected = protector.protect_rtcp(report)
    assert report[8:] not in protected
    assert unprotector.unprotect_rtcp(protected) == report


def test_packets_out_of_order_across_the_wrap_of_the_sequence_are_opened() -> None:
    suite = SrtpSuite.AES_CM_128_HMAC_SHA1_80
    protector, unprotector = SrtpProtector(suite, keys_of(suite)), SrtpUnprotector(suite, keys_of(suite))
    protected = {sequence: protector.protect(rtp_packet(sequence)) for sequence in range(0xFFFC, 0x10005)}
    for sequence in (0xFFFC, 0xFFFD, 0x10000, 0xFFFE, 0x10001, 0xFFFF, 0x10004):
        assert unprotector.unprotect(protected[sequence]) == rtp_packet(sequence)


def test_another_stream_of_the_same_party_is_opened() -> None:
    suite = SrtpSuite.AEAD_AES_128_GCM
    protector, unprotector = SrtpProtector(suite, keys_of(suite)), SrtpUnprotector(suite, keys_of(suite))
    for ssrc in (1, 2, 0xFFFFFFFF):
        packet = rtp_packet(9, ssrc=ssrc)
        assert unprotector.unprotect(protector.protect(packet)) == packet


@pytest.mark.parametrize("suite", SrtpSuite)
def test_a_packet_is_opened_once(suite: SrtpSuite) -> None:
    key = keys_of(suite)
    protected = SrtpProtector(suite, key).protect(rtp_packet(5))
    unprotector = SrtpUnprotector(suite, key)
    unprotector.unprotect(protected)
    with pytest.raises(SrtpError, match="replay"):
        unprotector.unprotect(protected)
    assert (unprotector.replayed, unprotector.undecryptable) == (1, 0)


@pytest.mark.parametrize("suite", SrtpSuite)
@pytest.mark.parametrize("at", [1, 2, 30, -1])
def test_a_changed_packet_is_refused(suite: SrtpSuite, at: int) -> None:
    key = keys_of(suite)
    protected = bytearray(SrtpProtector(suite, key).protect(rtp_packet(5)))
    protected[at] ^= 1
    unprotector = SrtpUnprotector(suite, key)
    with pytest.raises(SrtpError):
        unprotector.unprotect(bytes(protected))
    assert (unprotector.replayed, unprotector.undecryptable) == (0, 1)


@pytest.mark.parametrize("data", [b"", b"\x80", rtp_packet(1), bytes(2000), bytes.fromhex("bf") * 40])
def test_what_was_never_protected_is_refused_and_counted(data: bytes) -> None:
    suite = SrtpSuite.AES_CM_128_HMAC_SHA1_80
    unprotector = SrtpUnprotector(suite, keys_of(suite))
    with pytest.raises(SrtpError):
        unprotector.unprotect(data)
    with pytest.raises(SrtpError):
        unprotector.unprotect_rtcp(data)
    assert unprotector.undecryptable == 2


@pytest.mark.parametrize("suite", SrtpSuite)
def test_a_key_of_another_length_is_refused(suite: SrtpSuite) -> None:
    for length in (0, suite.key_bytes - 1, suite.key_bytes + 1):
        with pytest.raises(ValueError, match="bytes"):
            SrtpProtector(suite, bytes(length))
