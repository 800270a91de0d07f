"""Two of our legs that agree on keys over real sockets, each turned by the test in virtual time."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from media import stun
from media.codecs import create_codec
from media.config import MediaConfig
from media.handshakes import Handshakes
from media.ice_lite import CONSENT_S
from media.messages import DtlsParameters, IceParameters, NegotiateLeg
from media.rtp import RtpPacket
from media.rtp_session import RtpSession
from media.stun import Attribute, MessageClass
from tests.support.audio import dominant_tone, tone

ICE = IceParameters(
    local_ufrag="ours",
    local_password="our-password-of-22-char",
    remote_ufrag="their",
    remote_password="their-password-22-char",
)
_transactions = itertools.count(1)


def udp() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    made.setblocking(False)
    return made


class Side:
    """A leg, and what it was told of its handshake."""

    def __init__(self) -> None:
        self.sockets = (udp(), udp())
        self.handshakes = Handshakes.prepare()
        self.outcomes: list[str | None] = []
        self.session = RtpSession(
            self.sockets,
            MediaConfig(),
            0.0,
            lambda *_: None,
            lambda _: None,
            lambda failure, now: self.outcomes.append(failure),
            self.handshakes,
        )

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.sockets[0].getsockname()
        return host, port

    def negotiate(
        self, other: Side, *, active: bool, now: float = 0.0, fingerprint: str | None = None, **changes: Any
    ) -> None:
        settled: dict[str, Any] = {
            "leg_id": "a",
            "remote_host": other.address[0],
            "remote_port": other.address[1],
            "remote_rtcp_port": other.address[1],
            "codec": "PCMU",
            "clock_rate": 8000,
            "payload_type": 0,
            "rtcp_mux": True,
            "dtls": DtlsParameters(
                fingerprints=(("sha-256", fingerprint or other.handshakes.fingerprint),), active=active
            ),
        }
        self.session.negotiate(NegotiateLeg(**(settled | changes)), now)

    def turn(self, now: float) -> None:
        """Read what has come, and do what is due."""
        for _ in range(12):
            self.session.receiver.readable(now)
            self.handshakes.step(now)
        self.session.housekeeping(now)

    def say(self, frequency: float, frames: int = 10) -> None:
        audio = tone(frequency, 20 * frames).tobytes()
        for begin in range(0, len(audio), 320):
            self.session.sender.send(audio[begin : begin + 320])

    def hears(self, frames: int = 10) -> float:
        """The loudest frequency of what came."""
        heard = [self.session.receiver.frame(0.0) or bytes(320) for _ in range(frames + 3)]
        return dominant_tone(np.frombuffer(b"".join(heard), dtype="<i2"))[0]

    def close(self) -> None:
        for sock in self.sockets:
            sock.close()


@pytest.fixture
def sides() -> Iterator[tuple[Side, Side]]:
    made = (Side(), Side())
    yield made
    for side in made:
        side.close()


def run(*sides: Side, begin: float = 0.0, seconds: float = 1.0) -> None:
    for step in range(round(seconds * 10)):
        for side in sides:
            side.turn(begin + step / 10)


def connect(near: Side, far: Side, **changes: Any) -> None:
    near.negotiate(far, active=False, **changes)
    far.negotiate(near, active=True)
    run(near, far)


def check(
    near: Side, sender: socket.socket, *, nominate: bool, password: str = ICE.local_password, port: int = 0
) -> bytes:
    """A check of ICE from `sender` to the RTP port, or (1) to the RTCP port; the answer."""
    attributes: list[tuple[int, bytes]] = [
        (Attribute.USERNAME, b"ours:their"),
        (Attribute.ICE_CONTROLLING, bytes(8)),
        (Attribute.PRIORITY, bytes(4)),
    ]
    if nominate:
        attributes.append((Attribute.USE_CANDIDATE, b""))
    request = stun.serialize(
        MessageClass.REQUEST,
        next(_transactions).to_bytes(12, "big"),
        attributes,
        password=password.encode(),
    )
    sender.sendto(request, near.sockets[port].getsockname())
    if port:
        near.session.rtcp_readable(0.0)
    else:
        near.session.receiver.readable(0.0)
    return sender.recv(2048)


def test_keys_are_agreed_and_audio_passes_both_ways(sides: tuple[Side, Side]) -> None:
    near, far = sides
    connect(near, far)
    assert near.outcomes == far.outcomes == [None]
    assert near.session.security.suite == "AEAD_AES_256_GCM"
    near.say(440)
    far.say(1000)
    run(near, far, begin=1.0, seconds=0.2)
    assert abs(far.hears() - 440) < 20
    assert abs(near.hears() - 1000) < 20


def test_nothing_is_sent_or_heard_in_the_clear(sides: tuple[Side, Side]) -> None:
    near, far = sides
    near.negotiate(far, active=False)
    near.say(440)
    near.session.housekeeping(30.0)  # a report would be due
    with pytest.raises(BlockingIOError):
        far.sockets[0].recv(2048)
    payload = create_codec("PCMU", 8000).encode(tone(1000, 20).tobytes())
    far.sockets[0].sendto(RtpPacket(0, 1, 160, 7, False, payload).serialize(), near.address)
    near.turn(0.1)
    assert not near.session.latch.ever_heard
    assert near.session.send_errors == 0


def test_a_client_hello_that_comes_before_the_answer_is_not_lost(sides: tuple[Side, Side]) -> None:
    near, far = sides
    far.negotiate(near, active=True)
    near.turn(0.0)
    near.negotiate(far, active=False, now=0.01)
    for _ in range(4):
        near.turn(0.02)
        far.turn(0.02)
    assert near.outcomes == [None]


def test_nobody_answering_is_a_failure_only_once_the_call_stands(sides: tuple[Side, Side]) -> None:
    near, far = sides
    near.negotiate(far, active=False)
    run(near, seconds=60.0)
    assert near.outcomes == []
    near.session.transport.call_stands(60.0)
    run(near, begin=60.0, seconds=9.0)
    assert near.outcomes == []
    run(near, begin=69.0, seconds=2.0)
    assert len(near.outcomes) == 1
    assert "nothing of a DTLS handshake has come" in (near.outcomes[0] or "")
    assert not near.session.transport.ready


def test_another_certificate_than_signalled_fails_with_a_reason(sides: tuple[Side, Side]) -> None:
    near, far = sides
    near.negotiate(far, active=False, fingerprint="AA:" * 31 + "AA")
    far.negotiate(near, active=True)
    run(near, far)
    assert len(near.outcomes) == 1
    assert "fingerprint" in (near.outcomes[0] or "")
    assert near.session.security.suite is None
    assert not near.session.transport.ready


FATAL_ALERT = b"\x15\xfe\xfd" + bytes(8) + b"\0\2\2\x28"  # handshake failure, in the clear


@pytest.mark.parametrize("before_the_answer", [True, False])
@pytest.mark.parametrize("active", [True, False])
def test_a_stranger_s_datagram_does_not_end_the_call(
    sides: tuple[Side, Side], active: bool, before_the_answer: bool
) -> None:
    near, far = sides
    with udp() as stranger:
        if before_the_answer or active:
            stranger.sendto(FATAL_ALERT, near.address)
            near.turn(0.0)
        near.negotiate(far, active=active)
        if not before_the_answer and not active:
            stranger.sendto(FATAL_ALERT, near.address)
        run(near, seconds=0.2)
    far.negotiate(near, active=not active)
    run(near, far, begin=0.2)
    assert near.outcomes == far.outcomes == [None]


def test_a_stranger_s_handshake_leaves_the_far_party_s_possible(sides: tuple[Side, Side]) -> None:
    near, far = sides
    stranger = Side()
    try:
        near.negotiate(far, active=False)
        stranger.negotiate(near, active=True)
        run(near, stranger)
        assert near.outcomes == []
        assert near.session.security.suite is None
    finally:
        stranger.close()
    far.negotiate(near, active=True, now=1.0)
    run(near, far, begin=1.0)
    assert near.outcomes == far.outcomes == [None]


def test_an_unknown_party_with_another_certificate_is_the_reason_in_the_end(sides: tuple[Side, Side]) -> None:
    near, far = sides
    near.negotiate(far, active=False, fingerprint="AA:" * 31 + "AA", remote_port=9)
    near.session.call_stands(0.0)
    far.negotiate(near, active=True)
    run(near, far)
    near.turn(11.0)
    assert len(near.outcomes) == 1
    assert "fingerprint" in (near.outcomes[0] or "")


def test_the_same_fingerprint_again_keeps_the_association(sides: tuple[Side, Side]) -> None:
    near, far = sides
    connect(near, far)
    near.negotiate(far, active=True, now=2.0, ptime_ms=40)
    near.negotiate(far, active=False, now=3.0)
    run(near, far, begin=3.0)
    assert near.outcomes == [None]
    far.say(1000)
    run(near, far, begin=4.0, seconds=0.2)
    assert abs(near.hears() - 1000) < 20


def test_another_fingerprint_makes_another_association(sides: tuple[Side, Side]) -> None:
    near, far = sides
    connect(near, far)
    other = Side()
    try:
        near.negotiate(other, active=False, now=2.0)
        assert not near.session.transport.ready
        other.negotiate(near, active=True, now=2.0)
        run(near, other, begin=2.0)
        assert near.outcomes == [None, None]
        other.say(700)
        run(near, other, begin=3.0, seconds=0.2)
        assert abs(near.hears() - 700) < 20
    finally:
        other.close()


def test_a_handshake_from_behind_nat_shows_where_to_send(sides: tuple[Side, Side]) -> None:
    near, far = sides
    near.negotiate(far, active=False, remote_host="127.0.0.1", remote_port=9)
    far.negotiate(near, active=True)
    run(near, far)
    assert near.outcomes == [None]
    assert near.session.latch.target == far.address


def test_an_end_of_encryption_ends_the_association(sides: tuple[Side, Side]) -> None:
    near, far = sides
    connect(near, far)
    near.negotiate(far, active=False, dtls=None)
    assert near.session.transport.ready
    assert near.session.security.suite is None


def test_ice_decides_who_may_do_the_handshake_and_where_media_goes(sides: tuple[Side, Side]) -> None:
    near, far = sides
    near.negotiate(far, active=True, ice=ICE)
    far.negotiate(near, active=False)
    run(near, far)
    assert near.outcomes == []  # no path was checked: nothing was sent
    assert near.session.latch.target is None
    stranger = udp()
    try:
        refused = stun.parse(check(near, stranger, nominate=True, password="a-guessed-password-wrong"))
        assert refused.message_class is MessageClass.ERROR
    finally:
        stranger.close()
    assert near.session.latch.target is None
    answer = stun.parse(check(near, far.sockets[0], nominate=True))
    mapped = answer.attributes[Attribute.XOR_MAPPED_ADDRESS]
    assert stun.read_xor_address(mapped, answer.transaction_id) == far.address
    run(near, far, begin=1.0)
    assert near.outcomes == far.outcomes == [None]
    near.say(440)
    run(near, far, begin=2.0, seconds=0.2)
    assert abs(far.hears() - 440) < 20
    assert near.session.ignored >= 1  # the stranger's check


def test_under_ice_audio_goes_where_it_was_nominated_though_sdp_names_no_address(
    sides: tuple[Side, Side],
) -> None:
    near, far = sides
    near.negotiate(far, active=False, dtls=None, ice=ICE, remote_host="0.0.0.0", remote_port=9)
    far.negotiate(near, active=False, dtls=None)
    check(near, far.sockets[0], nominate=True)
    near.say(900)
    run(far, seconds=0.2)
    assert abs(far.hears() - 900) < 20


def test_without_a_check_the_reason_names_ice(sides: tuple[Side, Side]) -> None:
    near, far = sides
    near.negotiate(far, active=False, ice=ICE)
    near.session.transport.call_stands(0.0)
    run(near, seconds=11.0)
    assert "no ICE check" in (near.outcomes[0] or "")


def test_media_stops_when_the_far_party_checks_no_more(sides: tuple[Side, Side]) -> None:
    near, far = sides
    near.negotiate(far, active=False, ice=ICE, dtls=None)
    check(near, far.sockets[0], nominate=True)
    near.session.housekeeping(CONSENT_S - 1)
    assert near.session.latch.target == far.address
    near.session.housekeeping(CONSENT_S + 1)
    assert near.session.latch.target is None


def test_what_a_plain_leg_gets_of_stun_and_dtls_does_no_harm(sides: tuple[Side, Side]) -> None:
    near, far = sides
    near.negotiate(far, active=False, dtls=None)
    far.sockets[0].sendto(stun.serialize(MessageClass.INDICATION, bytes(12), []), near.address)
    near.turn(0.0)
    assert near.session.ignored == 0
    far.sockets[0].sendto(bytes([22, 0xFE, 0xFD]) + bytes(40), near.address)
    near.turn(0.0)
    assert near.session.ignored == 1


def test_rtcp_on_a_port_of_its_own_has_a_handshake_of_its_own(sides: tuple[Side, Side]) -> None:
    near, far = sides
    rtcp = [side.sockets[1].getsockname()[1] for side in sides]
    near.negotiate(far, active=False, rtcp_mux=False, remote_rtcp_port=rtcp[1])
    far.negotiate(near, active=True, rtcp_mux=False, remote_rtcp_port=rtcp[0])
    for now in np.arange(0.0, 30.0, 0.1):
        for side in sides:
            side.say(440, 1)
            side.session.rtcp_readable(now)
            side.turn(now)
    assert near.outcomes == far.outcomes == [None]
    for side in sides:
        assert side.session.rtcp.reports_received > 1
        assert side.session.security.undecryptable == 0


def test_each_port_is_checked_by_ice_for_itself(sides: tuple[Side, Side]) -> None:
    near, far = sides
    near.negotiate(far, active=False, ice=ICE, dtls=None, rtcp_mux=False)
    check(near, far.sockets[0], nominate=True)
    near.say(440, 1)
    near.session.housekeeping(10.0)
    with pytest.raises(BlockingIOError):
        far.sockets[1].recv(2048)
    check(near, far.sockets[1], nominate=True, port=1)
    near.session.housekeeping(20.0)
    assert far.sockets[1].recv(2048)[1] == 200  # a sender report
