"""One DTLS association of DTLS-SRTP (RFC 5764): a handshake over the media path, whose outcome are the keys.

Datagrams and the time (monotonic seconds) go in; datagrams to send, the time of the next `poll` and the keys
come out. OpenSSL does the protocol, over memory, and has a timer of its own by the real clock that begins at
one second. On top of it each flight is sent again, as it was, after a tenth of that: to the far party such a
datagram is one that the network has doubled, and the same record is never encrypted twice.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum

from OpenSSL import SSL, crypto

from media.dtls_certificate import DtlsCertificate, matches
from media.messages import DtlsParameters, SrtpKeys, SrtpSuite

# What fits through every tunnel on the way, with IPv6 and UDP headers (RFC 8831 takes the same).
MTU_BYTES = 1200
RETRANSMIT_FIRST_S = 0.1
RETRANSMIT_MOST_S = 1.6
# How often a finished server repeats its last flight to a client that has not got it.
REPEAT_S = 0.05

_DTLS1_2 = 0xFEFD
_RECORD_HEADER_BYTES = 13
_CHANGE_CIPHER_SPEC, _ALERT, _HANDSHAKE = 20, 21, 22
_EXPORTER = b"EXTRACTOR-dtls_srtp"  # RFC 5764, section 4.2
# OpenSSL's names of the profiles of RFC 5764 and RFC 7714, the one we like best first; lengths of the keys.
_PROFILES = {
    b"SRTP_AEAD_AES_256_GCM": (SrtpSuite.AEAD_AES_256_GCM, 32),
    b"SRTP_AEAD_AES_128_GCM": (SrtpSuite.AEAD_AES_128_GCM, 16),
    b"SRTP_AES128_CM_SHA1_80": (SrtpSuite.AES_CM_128_HMAC_SHA1_80, 16),
    b"SRTP_AES128_CM_SHA1_32": (SrtpSuite.AES_CM_128_HMAC_SHA1_32, 16),
}


class DtlsState(Enum):
    """How far an association is."""

    HANDSHAKE = "handshake"
    ESTABLISHED = "established"
    FAILED = "failed"
    CLOSED = "closed"  # by either side, after it stood


class DtlsContext:
    """What all associations of a media plane share. Takes milliseconds to make: not on the audio loop."""

    def __init__(
        self, certificate: DtlsCertificate, suites: Collection[SrtpSuite] = tuple(SrtpSuite)
    ) -> None:
        self.fingerprint = certificate.fingerprint
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_min_proto_version(_DTLS1_2)
        context.set_max_proto_version(_DTLS1_2)
        context.set_options(SSL.OP_NO_QUERY_MTU | SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_cipher_list(b"ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!PSK")
        # No authority vouches for these certificates: the fingerprint in the signalling does, once the
        # handshake is over.
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
        context.use_certificate(certificate.certificate)
        context.use_privatekey(certificate.private_key)
        context.check_privatekey()
        profiles = [name for name, (suite, _) in _PROFILES.items() if suite in suites]
        if profiles:
            context.set_tlsext_use_srtp(b":".join(profiles))
        self._context = context

    def connection(self, *, active: bool) -> SSL.Connection:
        """A connection over memory; `active` makes the client."""
        connection = SSL.Connection(self._context, None)
        connection.set_ciphertext_mtu(MTU_BYTES)
        if active:
            connection.set_connect_state()
        else:
            connection.set_accept_state()
        return connection


class DtlsEndpoint:
    """One end of an association. After every call, `take_outgoing` has what is to be sent."""

    __slots__ = (
        "_connection",
        "_fingerprints",
        "_flight",
        "_outgoing",
        "_repeated_at",
        "_timeout_s",
        "active",
        "failure",
        "heard",
        "keys",
        "malformed",
        "retransmissions",
        "state",
        "wake_at",
    )

    def __init__(self, context: DtlsContext, parameters: DtlsParameters, now: float) -> None:
        """Begins the handshake at once when we are the active side."""
        self.active = parameters.active
        self._fingerprints = parameters.fingerprints
        self._connection = context.connection(active=parameters.active)
        self._flight: list[bytes] = []  # what we have said last
        self._outgoing: list[bytes] = []
        self._timeout_s = RETRANSMIT_FIRST_S
        self._repeated_at = float("-inf")
        self.state = DtlsState.HANDSHAKE
        self.keys: SrtpKeys | None = None  # once established
        self.failure: str | None = None  # why it failed, in words
        self.heard = False  # whether the far party has said anything yet
        self.wake_at: float | None = None  # when to call `poll`
        self.malformed = 0
        self.retransmissions = 0
        if self.active:
            self._advance(now)

    def receive(self, data: bytes, now: float) -> None:
        """Take a datagram of the far party."""
        if self.state in (DtlsState.FAILED, DtlsState.CLOSED):
            return
        if not _records(data):
            # OpenSSL reads a stream of records: what is none could swallow the next one.
            self.malformed += 1
            return
        self.heard = True
        self._connection.bio_write(data)
        said = self._advance(now)
        if self.state is DtlsState.ESTABLISHED and not self.active and not said:
            self._repeat_last_flight(data, now)

    def poll(self, now: float) -> None:
        """Send the last flight again when its time has come."""
        if self.wake_at is None or now < self.wake_at:
            return
        try:
            self._connection.DTLSv1_handle_timeout()
        except SSL.Error as error:
            self._fail(f"OpenSSL has given up: {_words(error)}")
            return
        self.retransmissions += 1
        if not self._flush():
            self._outgoing += self._flight
        self._timeout_s = min(self._timeout_s * 2, RETRANSMIT_MOST_S)
        self.wake_at = now + self._timeout_s

    def give_up(self, reason: str) -> None:
        """End an unfinished handshake, which counts as failed."""
        if self.state is DtlsState.HANDSHAKE:
            self._fail(reason)

    def close(self) -> None:
        """Tell the far party that the association ends."""
        if self.state is DtlsState.ESTABLISHED:
            try:
                self._connection.shutdown()
            except SSL.Error:
                pass  # it is gone either way
            self._flush()
        if self.state is not DtlsState.FAILED:
            self.state = DtlsState.CLOSED
        self.wake_at = None

    def take_outgoing(self) -> list[bytes]:
        """Datagrams to send, in this order."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def _advance(self, now: float) -> bool:
        """Let OpenSSL read and answer. Whether it said anything."""
        connection = self._connection
        try:
            if self.state is DtlsState.HANDSHAKE:
                connection.do_handshake()
                self._established()
            # Nothing but alerts, and repetitions of a peer that has not got our last flight.
            while self.state is DtlsState.ESTABLISHED:
                connection.recv(MTU_BYTES)
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self.close()
        except SSL.Error as error:
            self._fail(f"the handshake failed: {_words(error)}")
        said = self._flush()
        if said and self.state is DtlsState.HANDSHAKE:
            self._timeout_s = RETRANSMIT_FIRST_S
            self.wake_at = now + self._timeout_s
        return said

    def _established(self) -> None:
        """The handshake is over: see who it was with, and take the keys."""
        connection = self._connection
        # Only its bytes count; to read them would fail for some that OpenSSL takes.
        certificate = connection.get_peer_certificate()
        der = b"" if certificate is None else crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate)
        if not matches(self._fingerprints, der):
            self._fail("the far party's certificate is not the one whose fingerprint was signalled")
            return
        profile = _PROFILES.get(connection.get_selected_srtp_profile())
        if profile is None:
            self._fail("the far party has no SRTP profile in common with us")
            return
        suite, key_bytes = profile
        salt_bytes = suite.key_bytes - key_bytes
        material = connection.export_keying_material(_EXPORTER, 2 * suite.key_bytes, None)
        # Both keys come first, then both salts; the client's before the server's.
        salts = material[2 * key_bytes :]
        client = material[:key_bytes] + salts[:salt_bytes]
        server = material[key_bytes : 2 * key_bytes] + salts[salt_bytes:]
        send, receive = (client, server) if self.active else (server, client)
        self.keys = SrtpKeys(suite=suite, send=send, receive=receive)
        self.state = DtlsState.ESTABLISHED
        self.wake_at = None

    def _repeat_last_flight(self, data: bytes, now: float) -> None:
        """A client that still does its handshake has not got our Finished (RFC 6347, section 4.2.4)."""
        if data[0] in (_CHANGE_CIPHER_SPEC, _HANDSHAKE) and now - self._repeated_at >= REPEAT_S:
            self._repeated_at = now
            self.retransmissions += 1
            self._outgoing += self._flight

    def _fail(self, reason: str) -> None:
        established = self.state is DtlsState.ESTABLISHED
        self.keys = None
        self.wake_at = None
        if established:
            self.state = DtlsState.CLOSED
            return
        self.state = DtlsState.FAILED
        self.failure = reason
        self._flush()

    def _flush(self) -> bool:
        """Move what OpenSSL has written to the outgoing datagrams. Whether there was anything."""
        written = b""
        try:
            while True:
                written += self._connection.bio_read(65536)
        except SSL.Error:
            pass
        if not written:
            return False
        datagrams = _pack(_records(written))
        self._outgoing += datagrams
        if written[0] != _ALERT:
            self._flight = datagrams
        return True


def is_dtls(data: bytes) -> bool:
    """Whether a datagram is DTLS by its first byte (RFC 7983, section 7)."""
    return len(data) >= _RECORD_HEADER_BYTES and 20 <= data[0] <= 63


def _records(data: bytes) -> list[bytes]:
    """The records of a datagram; none when it is not made of whole records."""
    records = []
    offset = 0
    while offset < len(data):
        header = data[offset : offset + _RECORD_HEADER_BYTES]
        if len(header) < _RECORD_HEADER_BYTES or not 20 <= header[0] <= 25 or header[1] != 0xFE:
            return []
        end = offset + _RECORD_HEADER_BYTES + int.from_bytes(header[11:], "big")
        if end > len(data):
            return []
        records.append(data[offset:end])
        offset = end
    return records


def _pack(records: list[bytes]) -> list[bytes]:
    """Datagrams of as many records as fit into one."""
    datagrams: list[bytes] = []
    for record in records:
        if datagrams and len(datagrams[-1]) + len(record) <= MTU_BYTES:
            datagrams[-1] += record
        else:
            datagrams.append(record)
    return datagrams


def _words(error: SSL.Error) -> str:
    """OpenSSL's reasons, without the names of its functions."""
    queue = error.args[0] if error.args else ()
    reasons = [str(entry[-1]) for entry in queue if isinstance(entry, tuple)] if queue else []
    return ", ".join(reasons) or type(error).__name__
