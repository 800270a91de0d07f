"""The messages of RFC 5769, and what must not pass for one."""

import pytest

from media import stun
from media.stun import Attribute, MessageClass, StunError

PASSWORD = b"VOkJxbRl1RmTxUk/WvJxBt"
TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")

# RFC 5769, sections 2.1 to 2.3.
REQUEST = bytes.fromhex(
    "00010058 2112a442 b7e7a701bc34d686fa87dfae 80220010 5354554e207465737420636c69656e74"
    "00240004 6e0001ff 80290008 932ff9b151263b36 00060009 6576746a3a68367659202020"
    "00080014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2 80280004 e57a3bcf"
)
IPV4_RESPONSE = bytes.fromhex(
    "0101003c 2112a442 b7e7a701bc34d686fa87dfae 8022000b 7465737420766563746f7220"
    "00200008 0001a147e112a643 00080014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7 80280004 c07d4c96"
)
IPV6_RESPONSE = bytes.fromhex(
    "01010048 2112a442 b7e7a701bc34d686fa87dfae 8022000b 7465737420766563746f7220"
    "00200014 0002a1470113a9faa5d3f179bc25f4b5bed2b9d9"
    "00080014 a382954e4be67bf11784c97c8292c275bfe3ed41 80280004 c8fb0b4c"
)


def test_the_sample_request_is_read_and_authentic() -> None:
    message = stun.parse(REQUEST)
    assert message.message_class is MessageClass.REQUEST
    assert message.method == stun.BINDING
    assert message.transaction_id == TRANSACTION
    assert message.attributes[Attribute.USERNAME] == b"evtj:h6vY"
    assert message.attributes[Attribute.PRIORITY] == bytes.fromhex("6e0001ff")
    assert message.attributes[Attribute.ICE_CONTROLLED] == bytes.fromhex("932ff9b151263b36")
    assert message.authentic(PASSWORD)
    assert message.unknown == ()


@pytest.mark.parametrize(
    ("response", "address"),
    [
        (IPV4_RESPONSE, ("192.0.2.1", 32853)),
        (IPV6_RESPONSE, ("2001:db8:1234:5678:11:2233:4455:6677", 32853)),
    ],
)
def test_the_sample_responses_tell_the_mapped_address(response: bytes, address: tuple[str, int]) -> None:
    message = stun.parse(response)
    assert message.message_class is MessageClass.SUCCESS
    assert message.authentic(PASSWORD)
    mapped = message.attributes[Attribute.XOR_MAPPED_ADDRESS]
    assert stun.read_xor_address(mapped, TRANSACTION) == address
    assert stun.xor_address(*address, TRANSACTION) == mapped


def test_another_password_is_not_authentic() -> None:
    assert not stun.parse(REQUEST).authentic(PASSWORD + b"x")


def test_a_changed_message_is_refused_by_fingerprint_and_by_integrity() -> None:
    changed = bytearray(REQUEST)
    changed[47] ^= 1  # within PRIORITY
    with pytest.raises(StunError):
        stun.parse(bytes(changed))
    without_fingerprint = bytearray(changed[:-8])
    without_fingerprint[2:4] = (len(without_fingerprint) - 20).to_bytes(2, "big")
    assert not stun.parse(bytes(without_fingerprint)).authentic(PASSWORD)


def test_what_follows_the_integrity_is_not_believed() -> None:
    smuggled = REQUEST[:-8] + bytes.fromhex("00250000")
    smuggled = smuggled[:2] + (len(smuggled) - 20).to_bytes(2, "big") + smuggled[4:]
    message = stun.parse(smuggled)
    assert message.authentic(PASSWORD)
    assert Attribute.USE_CANDIDATE not in message.attributes


@pytest.mark.parametrize("cut", range(1, len(REQUEST)))
def test_no_truncated_message_passes(cut: int) -> None:
    with pytest.raises(StunError):
        stun.parse(REQUEST[:cut])


def test_an_attribute_longer_than_the_message_is_refused() -> None:
    data = bytes.fromhex("00010004 2112a442") + TRANSACTION + bytes.fromhex("00060008")
    with pytest.raises(StunError):
        stun.parse(data)


def test_what_is_written_can_be_read() -> None:
    written = stun.serialize(
        MessageClass.ERROR,
        TRANSACTION,
        [stun.error_code(487, "Role Conflict"), (0x7777, b"abc")],
        password=b"secret",
    )
    message = stun.parse(written)
    assert message.message_class is MessageClass.ERROR
    assert stun.read_error_code(message.attributes[Attribute.ERROR_CODE]) == 487
    assert message.unknown == (0x7777,)
    assert message.authentic(b"secret")


def test_rtp_and_dtls_are_not_stun() -> None:
    assert not stun.is_stun(bytes([0x80]) + bytes(40))
    assert not stun.is_stun(bytes([22, 0xFE, 0xFD]) + bytes(40))
    assert not stun.is_stun(bytes(40))


def test_an_address_of_ipv4_in_the_clothes_of_ipv6_is_told_as_what_it_is() -> None:
    transaction = bytes(12)
    value = stun.xor_address("::ffff:192.0.2.7", 4000, transaction)
    assert stun.read_xor_address(value, transaction) == ("192.0.2.7", 4000)
