"""Two test endpoints facing each other."""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np
import pytest

from tests.support import audio
from tests.support.g711 import Law
from tests.support.rtp_peer import RtpPacket, RtpPeer


@pytest.fixture(params=list(Law), ids=["mu-law", "A-law"])
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[tuple[RtpPeer, RtpPeer]]:
    async with RtpPeer.open(request.param, seed=1) as one, RtpPeer.open(request.param, seed=2) as two:
        one.connect(two.sdp())
        two.connect(one.sdp())
        yield one, two


async def test_audio_arrives_whole_and_in_step(pair: tuple[RtpPeer, RtpPeer]) -> None:
    one, two = pair
    signal = audio.tone(440, 200)
    one.queue(signal)
    one.start()
    await two.until_received(10)
    heard = two.audio()[: len(signal)]
    assert np.array_equal(heard, one.law.decode(one.law.encode(signal)))
    assert two.received[0].marker
    assert two.received[0].source == (one.host, one.port)
    assert np.median(two.spacing_ms()) == pytest.approx(20, abs=3)


async def test_silence_follows_when_nothing_is_queued(pair: tuple[RtpPeer, RtpPeer]) -> None:
    one, two = pair
    one.start()
    await two.until_received(3)
    assert two.received[2].payload == bytes([one.law.silence]) * 160
    one.stop()


async def test_lost_packets_are_silence_of_their_length(pair: tuple[RtpPeer, RtpPeer]) -> None:
    one, two = pair
    one.drop = lambda index: index in (3, 4)
    one.queue(audio.tone(440, 200))
    one.start()
    await two.until_received(8)
    (gap,) = audio.gaps(two.audio())
    assert gap.duration_ms == pytest.approx(40, abs=5)
    assert one.packets_sent >= 8


async def test_swapped_packets_arrive_out_of_order_and_are_put_right(pair: tuple[RtpPeer, RtpPeer]) -> None:
    one, two = pair
    signal = audio.chirp(200)
    one.swap = lambda index: index == 4
    one.queue(signal)
    one.start()
    await two.until_received(10)
    assert [p.sequence - two.received[0].sequence for p in two.received[:7]] == [0, 1, 2, 3, 5, 4, 6]
    assert audio.find(signal, two.audio()[: len(signal)])[1] > 0.99


async def test_loss_by_share_is_the_same_for_the_same_seed(pair: tuple[RtpPeer, RtpPeer]) -> None:
    one, _ = pair
    one.lose(0.2, seed=7)
    first = [one.drop(index) for index in range(1000)]
    one.lose(0.2, seed=7)
    assert [one.drop(index) for index in range(1000)] == first
    assert sum(first) == pytest.approx(200, abs=50)


async def test_keys_are_events_with_a_marked_start_and_three_ends(pair: tuple[RtpPeer, RtpPeer]) -> None:
    one, two = pair
    one.start()
    await one.press("1#", tone_ms=60, gap_ms=20)
    await two.until(lambda: two.digits() == "1#" and two.received[-1].payload_type != 101)
    events = [p for p in two.received if p.payload_type == 101]
    first = [p for p in events if p.payload[0] == 1]
    assert [p.marker for p in first] == [True, False, False, False, False]
    assert [bool(p.payload[1] & 0x80) for p in first] == [False, False, True, True, True]
    assert len({p.timestamp for p in first}) == 1
    assert int.from_bytes(first[-1].payload[2:], "big") == 480


async def test_audio_is_not_shifted_by_keys(pair: tuple[RtpPeer, RtpPeer]) -> None:
    one, two = pair
    one.start()
    await one.press("5", tone_ms=60, gap_ms=0)
    await one.play(audio.tone(440, 40))
    await two.until(lambda: audio.level_dbfs(two.audio()) > -40)
    audio_packets = two.audio_packets()
    steps = np.diff([p.timestamp for p in audio_packets])
    assert all(step % 160 == 0 for step in steps)


def test_padding_extension_and_sources_are_taken_off() -> None:
    header = bytes([0xB1, 0x80, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3])
    data = header + b"CSRC" + b"\xbe\xde\x00\x01EXT1" + b"payload" + b"\x00\x00\x03"
    packet = RtpPacket.parse(data, 0.0, ("h", 1))
    assert packet is not None
    assert packet.payload == b"payload"
    assert (packet.marker, packet.sequence, packet.timestamp, packet.ssrc) == (True, 1, 2, 3)


@pytest.mark.parametrize("data", [b"", b"short", bytes(12), bytes([0x80, 200]) + bytes(20)])
def test_what_is_no_rtp_is_told_apart(data: bytes) -> None:
    assert RtpPacket.parse(data, 0.0, ("h", 1)) is None
