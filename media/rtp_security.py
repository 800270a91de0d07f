"""Where a leg's packets are encrypted on their way out and decrypted on their way in.

While a leg is not encrypted nothing of this stands in a packet's way: the receiver reads and the sender sends
by the socket's own functions. What cannot be decrypted never gets further than here, so that it can neither
be heard nor move the latch.
"""

from __future__ import annotations

import socket
from typing import Any

from media.messages import SrtpKeys
from media.rtp_receiver import RtpReceiver
from media.rtp_sender import RtpSender
from media.srtp import SrtpError, SrtpProtector, SrtpUnprotector


class RtpSecurity:
    """SRTP of one leg, off until there are keys."""

    def __init__(self, rtp_socket: socket.socket, receiver: RtpReceiver, sender: RtpSender) -> None:
        self._receive_from = rtp_socket.recvfrom
        self._send_to = rtp_socket.sendto
        self._receiver = receiver
        self._sender = sender
        self._keys: SrtpKeys | None = None
        self.held = False  # nothing goes through, since the keys are not agreed yet
        self._protector: SrtpProtector | None = None
        self._unprotector: SrtpUnprotector | None = None
        self._undecryptable = 0  # by keys that were replaced
        self._replayed = 0

    @property
    def suite(self) -> str | None:
        """The crypto suite in use; None while nothing is encrypted."""
        return self._keys.suite.value if self._keys is not None else None

    @property
    def undecryptable(self) -> int:
        """Packets of another key than agreed, or of none."""
        current = self._unprotector
        return self._undecryptable + (current.undecryptable if current is not None else 0)

    @property
    def replayed(self) -> int:
        """Packets that came a second time."""
        current = self._unprotector
        return self._replayed + (current.replayed if current is not None else 0)

    def set_keys(self, keys: SrtpKeys | None) -> None:
        """Encrypt by these from now on, or not at all. A direction whose key stays keeps its rollover counter
        (RFC 4568, section 7.1.4). Raises `ValueError` for a key that is not of its suite.
        """
        before = self._keys
        if keys == before and not self.held:
            return
        self.held = False
        if keys is None:
            self._retire()
            self._keys = self._protector = self._unprotector = None
            self._receiver.receive_by(self._receive_from)
            self._sender.send_by(self._send_to)
            return
        same_suite = before is not None and before.suite == keys.suite
        if before is None or not same_suite or before.send != keys.send:
            self._protector = SrtpProtector(keys.suite, keys.send)
        if before is None or not same_suite or before.receive != keys.receive:
            unprotector = SrtpUnprotector(keys.suite, keys.receive)
            self._retire()
            self._unprotector = unprotector
        self._keys = keys
        self._receiver.receive_by(self._receive)
        self._sender.send_by(self._send)

    def hold(self) -> None:
        """Let no audio through in either direction, neither in the clear nor by earlier keys, until
        `set_keys`.
        """
        self._retire()
        self._keys = self._protector = self._unprotector = None
        self.held = True
        self._receiver.receive_by(self._receive_held)

    def _receive_held(self, size: int) -> tuple[bytes, Any]:
        """`recvfrom` that passes on only what may lead to keys."""
        data, source = self._receive_from(size)
        if data and data[0] >> 6 == 2:
            raise BlockingIOError("there are no keys yet")
        return data, source

    def _retire(self) -> None:
        if self._unprotector is not None:
            self._undecryptable += self._unprotector.undecryptable
            self._replayed += self._unprotector.replayed

    def _receive(self, size: int) -> tuple[bytes, Any]:
        """`recvfrom` for SRTP. Raises `OSError` also for a packet that cannot be decrypted: there is nothing
        to be read.
        """
        data, source = self._receive_from(size)
        if len(data) < 2 or data[0] >> 6 != 2:
            return data, source  # not RTP: STUN or DTLS (RFC 7983), or nothing at all
        assert self._unprotector is not None
        try:
            # RTCP on the same port (RFC 5761).
            if 192 <= data[1] <= 223:
                return self._unprotector.unprotect_rtcp(data), source
            return self._unprotector.unprotect(data), source
        except SrtpError as error:
            raise BlockingIOError(str(error)) from error

    def _send(self, packet: bytes, target: Any) -> int:
        """`sendto` for SRTP. Raises `OSError`."""
        assert self._protector is not None
        try:
            return self._send_to(self._protector.protect(packet), target)
        except SrtpError as error:
            raise OSError(str(error)) from error

    def open_rtcp(self, data: bytes) -> bytes | None:
        """A datagram of the RTCP port in the clear; None when it cannot be decrypted."""
        if self.held:
            return None
        if self._unprotector is None:
            return data
        try:
            return self._unprotector.unprotect_rtcp(data)
        except SrtpError:
            return None

    def close_rtcp(self, data: bytes) -> bytes:
        """A compound packet as it goes out. Raises `OSError`."""
        if self._protector is None:
            return data
        try:
            return self._protector.protect_rtcp(data)
        except SrtpError as error:
            raise OSError(str(error)) from error


class RtcpSecurity:
    """SRTCP on a port of its own, where its keys come from a handshake of its own (RFC 5764, section 4)."""

    def __init__(self) -> None:
        self.held = False
        self._protector: SrtpProtector | None = None
        self._unprotector: SrtpUnprotector | None = None

    def hold(self) -> None:
        """Let no report through until there are keys."""
        self._protector = self._unprotector = None
        self.held = True

    def set_keys(self, keys: SrtpKeys | None) -> None:
        """Encrypt by these; None: the port has no handshake of its own."""
        self.held = False
        self._protector = None if keys is None else SrtpProtector(keys.suite, keys.send)
        self._unprotector = None if keys is None else SrtpUnprotector(keys.suite, keys.receive)

    def open(self, data: bytes) -> bytes | None:
        """A datagram in the clear; None when it cannot be decrypted."""
        if self._unprotector is None:
            return None
        try:
            return self._unprotector.unprotect_rtcp(data)
        except SrtpError:
            return None

    def close(self, data: bytes) -> bytes | None:
        """A compound packet as it goes out; None while there are no keys. Raises `OSError`."""
        if self._protector is None:
            return None
        try:
            return self._protector.protect_rtcp(data)
        except SrtpError as error:
            raise OSError(str(error)) from error
