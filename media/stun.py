"""STUN messages as ICE needs them: binding requests and their answers (RFC 8489), with the short-term
credentials of section 9.1 and the attributes of RFC 8445, section 16.1.

Pure: bytes in, bytes out. Nothing is to be trusted before `StunMessage.authentic` has said so.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum

MAGIC_COOKIE = 0x2112A442
HEADER_BYTES = 20
TRANSACTION_ID_BYTES = 12
BINDING = 0x001

_HEADER = struct.Struct("!HHI12s")
_ATTRIBUTE = struct.Struct("!HH")
_INTEGRITY_BYTES = 20
_FINGERPRINT_MASK = 0x5354554E


class StunError(ValueError):
    """Not a STUN message, or a malformed one."""


class MessageClass(IntEnum):
    """What a message is (section 5), as the two class bits say it."""

    REQUEST = 0b00
    INDICATION = 0b01
    SUCCESS = 0b10
    ERROR = 0b11


class Attribute(IntEnum):
    """Types of attributes. Those below 0x8000 must be understood by whoever gets them."""

    USERNAME = 0x0006
    MESSAGE_INTEGRITY = 0x0008
    ERROR_CODE = 0x0009
    UNKNOWN_ATTRIBUTES = 0x000A
    XOR_MAPPED_ADDRESS = 0x0020
    PRIORITY = 0x0024
    USE_CANDIDATE = 0x0025
    SOFTWARE = 0x8022
    FINGERPRINT = 0x8028
    ICE_CONTROLLED = 0x8029
    ICE_CONTROLLING = 0x802A


_UNDERSTOOD = frozenset(Attribute)


@dataclass(frozen=True, slots=True)
class StunMessage:
    """A parsed message. Of an attribute that comes more than once the first counts (section 14)."""

    message_class: MessageClass
    method: int
    transaction_id: bytes
    attributes: dict[int, bytes]
    # What MESSAGE-INTEGRITY covers, its length field set as if nothing followed; empty without one.
    protected: bytes = field(default=b"", repr=False)

    @property
    def unknown(self) -> tuple[int, ...]:
        """The attributes that would have to be understood and are not."""
        return tuple(kind for kind in self.attributes if kind < 0x8000 and kind not in _UNDERSTOOD)

    def authentic(self, password: bytes) -> bool:
        """Whether MESSAGE-INTEGRITY was made with this password (short-term credentials)."""
        integrity = self.attributes.get(Attribute.MESSAGE_INTEGRITY)
        if integrity is None or len(integrity) != _INTEGRITY_BYTES:
            return False
        return hmac.compare_digest(integrity, _hmac(password, self.protected))


def is_stun(data: bytes) -> bool:
    """Whether a datagram is a STUN message by its looks (RFC 7983, section 7, and the magic cookie)."""
    return len(data) >= HEADER_BYTES and data[0] < 4 and data[4:8] == b"\x21\x12\xa4\x42"


def parse(data: bytes) -> StunMessage:
    """Read a whole datagram. Raises `StunError`, also when its FINGERPRINT is wrong."""
    if not is_stun(data):
        raise StunError("not a STUN message")
    kind, length, _, transaction_id = _HEADER.unpack_from(data)
    if length % 4 or length != len(data) - HEADER_BYTES:
        raise StunError("the length is wrong")
    attributes: dict[int, bytes] = {}
    protected = b""
    offset = HEADER_BYTES
    while offset < len(data):
        name, size = _ATTRIBUTE.unpack_from(data, offset)
        begin = offset + _ATTRIBUTE.size
        if begin + size > len(data):
            raise StunError("an attribute is cut off")
        value = data[begin : begin + size]
        if name == Attribute.FINGERPRINT:
            if value != struct.pack("!I", _fingerprint(data[:offset])):
                raise StunError("the fingerprint is wrong")
        # What follows MESSAGE-INTEGRITY is not protected, and so ignored (section 14.5).
        elif not protected:
            if name == Attribute.MESSAGE_INTEGRITY:
                protected = _with_length(data[:offset], begin + size - HEADER_BYTES)
            attributes.setdefault(name, value)
        offset = begin + size + -size % 4
    return StunMessage(MessageClass(_class_of(kind)), _method_of(kind), transaction_id, attributes, protected)


def serialize(
    message_class: MessageClass,
    transaction_id: bytes,
    attributes: Iterable[tuple[int, bytes]],
    *,
    password: bytes | None = None,
    method: int = BINDING,
) -> bytes:
    """A message with FINGERPRINT, and with MESSAGE-INTEGRITY when a password is given."""
    body = b"".join(_attribute(name, value) for name, value in attributes)
    kind = _type_of(message_class, method)
    data = _HEADER.pack(kind, len(body), MAGIC_COOKIE, transaction_id) + body
    if password is not None:
        data = _with_length(data, len(data) - HEADER_BYTES + _ATTRIBUTE.size + _INTEGRITY_BYTES)
        data += _attribute(Attribute.MESSAGE_INTEGRITY, _hmac(password, data))
    data = _with_length(data, len(data) - HEADER_BYTES + 8)
    return data + _attribute(Attribute.FINGERPRINT, struct.pack("!I", _fingerprint(data)))


def xor_address(host: str, port: int, transaction_id: bytes) -> bytes:
    """The value of XOR-MAPPED-ADDRESS (section 14.2). Raises `ValueError` when `host` is no address.

    An address of IPv4 that a socket of both families shows as one of IPv6 is told as the peer knows it.
    """
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    family = 1 if address.version == 4 else 2
    return struct.pack("!BBH", 0, family, port ^ (MAGIC_COOKIE >> 16)) + _xor(address.packed, transaction_id)


def read_xor_address(value: bytes, transaction_id: bytes) -> tuple[str, int]:
    """Host and port of an XOR-MAPPED-ADDRESS. Raises `StunError`."""
    if len(value) not in (8, 20) or value[1] != (1 if len(value) == 8 else 2):
        raise StunError("the address is malformed")
    port = struct.unpack_from("!H", value, 2)[0] ^ (MAGIC_COOKIE >> 16)
    return str(ipaddress.ip_address(_xor(value[4:], transaction_id))), port


def error_code(code: int, reason: str) -> tuple[int, bytes]:
    """An ERROR-CODE attribute (section 14.8)."""
    return Attribute.ERROR_CODE, struct.pack("!HBB", 0, code // 100, code % 100) + reason.encode()


def read_error_code(value: bytes) -> int:
    """The number of an ERROR-CODE. Raises `StunError`."""
    if len(value) < 4:
        raise StunError("the error code is malformed")
    return (value[2] & 0x07) * 100 + value[3]


def _xor(address: bytes, transaction_id: bytes) -> bytes:
    key = struct.pack("!I", MAGIC_COOKIE) + transaction_id
    return bytes(one ^ other for one, other in zip(address, key, strict=False))


def _attribute(name: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(name, len(value)) + value + bytes(-len(value) % 4)


def _with_length(data: bytes, length: int) -> bytes:
    return data[:2] + struct.pack("!H", length) + data[4:]


def _hmac(password: bytes, data: bytes) -> bytes:
    return hmac.new(password, data, hashlib.sha1).digest()


def _fingerprint(data: bytes) -> int:
    return zlib.crc32(data) ^ _FINGERPRINT_MASK


def _class_of(kind: int) -> int:
    return (kind >> 7 & 0b10) | (kind >> 4 & 0b01)


def _method_of(kind: int) -> int:
    return (kind & 0x000F) | (kind >> 1 & 0x0070) | (kind >> 2 & 0x0F80)


def _type_of(message_class: int, method: int) -> int:
    bits = (method & 0x000F) | (method & 0x0070) << 1 | (method & 0x0F80) << 2
    return bits | (message_class & 0b10) << 7 | (message_class & 0b01) << 4
