"""A leg whose media is encrypted, with a peer that does its half of SRTP on a socket of its own."""

import socket
from collections.abc import Iterator

import numpy as np
import pytest

from media import rtcp, rtp
from media.codecs import create_codec
from media.config import MediaConfig
from media.messages import NegotiateLeg, SrtpKeys, SrtpSuite
from media.rtp import RtpPacket
from media.rtp_session import RtpSession
from media.srtp import SrtpError, SrtpProtector, SrtpUnprotector
from tests.support.audio import dominant_tone, tone

SUITE = SrtpSuite.AES_CM_128_HMAC_SHA1_80
THEIRS, OURS = bytes(range(30)), bytes(range(100, 130))
KEYS = SrtpKeys(suite=SUITE, send=OURS, receive=THEIRS)
LOUD = create_codec("PCMU", 8000).encode(tone(400, 20).tobytes())


def udp() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    made.setblocking(False)
    return made


class Peer:
    def __init__(self) -> None:
        self.ours = (udp(), udp())
        self.rtp, self.rtcp = udp(), udp()
        self.session = RtpSession(self.ours, MediaConfig(), 0.0, lambda *_: None, lambda _: None)
        self.protector = SrtpProtector(SUITE, THEIRS)
        self.unprotector = SrtpUnprotector(SUITE, OURS)

    def negotiate(self, srtp: SrtpKeys | None = KEYS, **changes: object) -> None:
        settled: dict[str, object] = {
            "leg_id": "a",
            "remote_host": "127.0.0.1",
            "remote_port": self.rtp.getsockname()[1],
            "remote_rtcp_port": self.rtcp.getsockname()[1],
            "codec": "PCMU",
            "clock_rate": 8000,
            "payload_type": 0,
        }
        self.session.negotiate(NegotiateLeg(**(settled | changes), srtp=srtp), 0.0)  # type: ignore[arg-type]

    def say(self, sequence: int, *, protector: SrtpProtector | None, payload: bytes = LOUD) -> None:
        packet = RtpPacket(0, sequence & 0xFFFF, sequence * 160, 1, False, payload).serialize()
        data = packet if protector is None else protector.protect(packet)
        self.rtp.sendto(data, self.ours[0].getsockname())
        self.session.receiver.readable(0.0)

    def hears(self) -> bytes | None:
        """One packet in the clear."""
        return self.unprotector.unprotect(self.rtp.recv(2048))

    def close(self) -> None:
        for sock in (*self.ours, self.rtp, self.rtcp):
            sock.close()


@pytest.fixture
def peer() -> Iterator[Peer]:
    made = Peer()
    yield made
    made.close()


def heard(peer: Peer, frames: int) -> bytes:
    return b"".join(peer.session.receiver.frame(0.0) or b"" for _ in range(frames))


def test_encrypted_speech_is_heard(peer: Peer) -> None:
    peer.negotiate()
    for sequence in range(10):
        peer.say(sequence, protector=peer.protector)
    frequency, _ = dominant_tone(np.frombuffer(heard(peer, 10), np.int16))
    assert frequency == pytest.approx(400, abs=15)
    assert peer.session.security.suite == "AES_CM_128_HMAC_SHA1_80"


def test_what_is_said_leaves_encrypted(peer: Peer) -> None:
    peer.negotiate()
    assert peer.session.sender.send(tone(400, 20).tobytes())
    raw = peer.rtp.recv(2048)
    assert LOUD[:40] not in raw
    assert rtp.parse(peer.unprotector.unprotect(raw)).payload == LOUD


def test_speech_in_the_clear_is_not_heard_and_does_not_latch(peer: Peer) -> None:
    peer.negotiate()
    for sequence in range(5):
        peer.say(sequence, protector=None)
    assert peer.session.last_packet_at is None
    assert peer.session.receiver.received.packets == 0
    assert peer.session.security.undecryptable == 5


def test_speech_of_another_key_is_not_heard(peer: Peer) -> None:
    peer.negotiate()
    peer.say(1, protector=SrtpProtector(SUITE, OURS))
    assert peer.session.last_packet_at is None
    assert peer.session.security.undecryptable == 1


def test_a_replayed_packet_is_dropped_and_counted(peer: Peer) -> None:
    peer.negotiate()
    protected = peer.protector.protect(RtpPacket(0, 1, 160, 1, False, LOUD).serialize())
    for _ in range(3):
        peer.rtp.sendto(protected, peer.ours[0].getsockname())
        peer.session.receiver.readable(0.0)
    assert peer.session.receiver.received.packets == 1
    assert peer.session.security.replayed == 2


def test_the_same_keys_again_keep_the_rollover_counter(peer: Peer) -> None:
    peer.negotiate()
    for sequence in range(0xFFFE, 0x10002):
        peer.say(sequence, protector=peer.protector)
    peer.negotiate(ptime_ms=30)
    for sequence in range(0x10002, 0x10005):
        peer.say(sequence, protector=peer.protector)
    assert peer.session.receiver.received.packets == 7
    assert peer.session.security.undecryptable == 0


def test_a_new_key_of_theirs_leaves_ours_as_it_was(peer: Peer) -> None:
    peer.negotiate()
    peer.session.sender.send(None)
    assert peer.hears()
    other = bytes(range(50, 80))
    peer.negotiate(SrtpKeys(suite=SUITE, send=OURS, receive=other))
    peer.say(1, protector=peer.protector)
    peer.say(2, protector=SrtpProtector(SUITE, other))
    assert peer.session.receiver.received.packets == 1
    assert peer.session.security.undecryptable == 1
    peer.session.sender.send(None)
    assert peer.hears()


def test_encryption_may_end_with_a_negotiation(peer: Peer) -> None:
    peer.negotiate()
    peer.negotiate(None)
    peer.say(1, protector=None)
    assert peer.session.receiver.received.packets == 1
    assert peer.session.sender.send(tone(400, 20).tobytes())
    assert rtp.parse(peer.rtp.recv(2048)).payload == LOUD
    assert peer.session.security.suite is None


@pytest.mark.parametrize("mux", [True, False])
def test_reports_are_encrypted_both_ways(peer: Peer, mux: bool) -> None:
    rtp_port, rtcp_port = (sock.getsockname() for sock in peer.ours)
    peer.negotiate(rtcp_mux=mux, **({"remote_rtcp_port": peer.rtp.getsockname()[1]} if mux else {}))
    peer.session.sender.send(None)
    peer.rtp.recv(2048)
    report = rtcp.serialize(
        rtcp.SenderReport(ssrc=1, ntp_timestamp=1 << 40, rtp_timestamp=0, packets=1, octets=1, reports=())
    )
    (peer.rtp if mux else peer.rtcp).sendto(
        peer.protector.protect_rtcp(report), rtp_port if mux else rtcp_port
    )
    if mux:
        peer.session.receiver.readable(0.0)
    else:
        peer.session.rtcp_readable(0.0)
    assert peer.session.rtcp.reports_received == 1
    peer.session.housekeeping(1000.0)
    data = (peer.rtp if mux else peer.rtcp).recv(2048)
    assert isinstance(rtcp.parse(peer.unprotector.unprotect_rtcp(data))[0], rtcp.SenderReport)


def test_a_report_in_the_clear_is_not_believed(peer: Peer) -> None:
    peer.negotiate()
    peer.rtcp.sendto(rtcp.serialize(rtcp.ReceiverReport(1, ())), peer.ours[1].getsockname())
    peer.session.rtcp_readable(0.0)
    assert peer.session.rtcp.reports_received == 0
    assert peer.session.security.undecryptable == 1


def test_a_key_that_is_not_of_its_suite_is_refused(peer: Peer) -> None:
    with pytest.raises(ValueError, match="30 bytes"):
        peer.negotiate(SrtpKeys(suite=SUITE, send=OURS[:-1], receive=THEIRS))


def test_keys_are_not_told_to_logs() -> None:
    assert OURS.hex() not in repr(KEYS)
    assert repr(OURS)[2:10] not in repr(KEYS)


def test_the_peer_cannot_open_what_was_changed_on_the_way(peer: Peer) -> None:
    peer.negotiate()
    peer.session.sender.send(None)
    raw = bytearray(peer.rtp.recv(2048))
    raw[20] ^= 1
    with pytest.raises(SrtpError):
        peer.unprotector.unprotect(bytes(raw))
