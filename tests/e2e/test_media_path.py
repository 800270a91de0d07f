"""Whom a call listens and speaks to, proved by what each hears: wrong addresses in the session description,
strangers, telephones that move, hold, and reports on the port of the audio.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from media import rtcp
from tests.e2e.engine_view import EngineView
from tests.e2e.gateway_process import Gateway
from tests.e2e.impaired_caller import ImpairedCaller, Line
from tests.e2e.known_speech import spoken
from tests.e2e.parties import Parties
from tests.e2e.speech_pieces import pieces
from tests.support.audio import RATE, Samples, find, level_dbfs, loud_spans, tone
from tests.support.g711 import Law
from tests.support.impaired_network import Impairment
from tests.support.rtp_peer import HEADER, PTIME_MS, RtpPeer

CALLER_HZ = 1013
STRANGER_HZ = 1731
AGENT_HZ = 787
NOBODY = b"127.9.9.9"  # stands for the private address that a telephone behind NAT names

GREETING = "Good morning, how may I help you today?"
LONG = (
    "Thank you for waiting so long. All our lines are busy at the moment, since so many people want to speak "
    "with us today, but somebody will be there for you in a little while. Please do not hang up yet."
)

NewCaller = Callable[..., ImpairedCaller]


@pytest.fixture
def new_caller(gateway: Gateway, parties: Parties, engine: EngineView) -> NewCaller:
    """Makes callers of an agent that first says something, whether or not the caller speaks meanwhile."""

    def make(said: str = GREETING, line: Line | None = None, **options: Any) -> ImpairedCaller:
        script = engine.script({"say": said, "uninterruptible": True}, {"wait": "text"})
        number = parties.inbound_number(script)
        return ImpairedCaller(gateway, engine.base_url, number, line or Line(), **options)

    return make


def _at_nobody(offer: bytes) -> bytes:
    return offer.replace(b"c=IN IP4 127.0.0.1", b"c=IN IP4 " + NOBODY)


@functools.cache
def _words() -> Samples:
    """What the callers say."""
    return spoken("I want to speak to somebody about my last bill, please.")[: 2 * RATE]


def _heard_whole(heard: Samples) -> bool:
    """Whether the caller's words are in there; a busy machine may delay a packet, which parts a piece."""
    likeness = [piece.likeness for piece in pieces(_words(), heard, RATE)]
    return len(likeness) >= 5 and float(np.mean(np.array(likeness) > 0.9)) >= 0.7


def _heard_stranger(heard: Samples) -> bool:
    return find(tone(STRANGER_HZ, 200), heard)[1] > 0.5


def _is_the_agent(heard: Samples, said: Samples) -> bool:
    """Whether the last loud second and a half of `heard` is what the agent said, without a hole."""
    last = round(loud_spans(heard)[-1].end_ms * RATE / 1000)
    return find(heard[max(0, last - RATE * 3 // 2) : last], said)[1] > 0.98


async def test_both_hear_each_other_though_the_description_names_an_address_of_nobody(
    new_caller: NewCaller,
) -> None:
    async with new_caller(edit_offer=_at_nobody) as caller:
        await caller.say(_words())
        await asyncio.sleep(0.5)
        call = await caller.conclude()
    assert _heard_whole(call.engine_heard)
    assert _is_the_agent(call.heard, call.engine_said), "the agent spoke to nobody"
    assert call.network["remote_address"] == "{}:{}".format(*caller.path.far)
    assert call.diagnosis is None


async def test_stranger_that_copies_the_callers_stream_is_neither_heard_nor_served(
    new_caller: NewCaller,
) -> None:
    """It knows port, SSRC, sequence and time, and is ahead of the caller: only its address is another."""
    async with new_caller() as caller, RtpPeer.open() as stranger:
        stranger.remote = caller.path.gateway
        sound = Law.PCMU.encode(tone(STRANGER_HZ, PTIME_MS))
        talking = asyncio.create_task(caller.say(_words()))
        while not talking.done():
            peer = caller.peer
            stranger.send_raw(
                HEADER.pack(0x80, 0, peer.sequence & 0xFFFF, peer.timestamp & 0xFFFFFFFF, peer.ssrc) + sound
            )
            await asyncio.sleep(PTIME_MS / 1000)
        await asyncio.sleep(0.8)
        call = await caller.conclude()
        assert not stranger.received, "the agent's audio went to a stranger"
    assert _heard_whole(call.engine_heard)
    assert not _heard_stranger(call.engine_heard)
    assert _is_the_agent(call.heard, call.engine_said)
    assert call.network["packets_ignored"] > 50


async def test_stranger_who_comes_first_gives_way_to_the_address_of_the_description(
    new_caller: NewCaller,
) -> None:
    async with RtpPeer.open(seed=66) as stranger:
        stranger.silence_when_idle = False

        async def intrude() -> None:
            while caller.path.gateway is None:
                await asyncio.sleep(0.001)
            stranger.remote = caller.path.gateway
            stranger.queue(tone(STRANGER_HZ, 4000))
            stranger.start()
            await stranger.until_received(5)
            await together.wait()

        # The caller's own audio begins when all callers were answered and the stranger is served.
        together = asyncio.Barrier(2)
        caller = new_caller(together=together)
        intruding = asyncio.create_task(intrude())
        async with caller:
            await intruding
            began = len(stranger.received)  # it was there first, and was served
            await caller.say(_words())
            call = await caller.conclude()
        assert len(stranger.received) - began < 10, "the stranger was served on"
    assert _heard_whole(call.engine_heard)
    assert _is_the_agent(call.heard, call.engine_said)


async def test_telephone_behind_a_nat_that_changed_its_port_is_found_again(new_caller: NewCaller) -> None:
    """Without a word of signalling: what comes from elsewhere counts once the old place is silent for 2 s."""
    async with new_caller(LONG) as caller, RtpPeer.open(seed=9) as moved:
        await asyncio.sleep(1)
        caller.peer.stop()
        moved.remote = caller.path.gateway
        moved.start()
        left = time.time()
        await moved.until(lambda: bool(moved.received))
        assert 1.5 < time.time() - left < 3
        await moved.play(_words())
        before = len(caller.peer.received)
        await asyncio.sleep(0.5)
        assert len(caller.peer.received) - before <= 2, "the old place is still served"
        heard = moved.audio()
        call = await caller.conclude()
    assert _heard_whole(call.engine_heard)
    assert _is_the_agent(heard, call.engine_said)
    assert call.network["remote_address"] == f"{moved.host}:{moved.port}"


async def test_telephone_that_moves_by_reinvite_is_heard_at_once(new_caller: NewCaller) -> None:
    async with new_caller(LONG) as caller, RtpPeer.open(seed=9) as moved:
        await asyncio.sleep(0.5)
        answer = await caller.call.reinvite(moved.sdp(version=2))
        assert answer.status == 200
        caller.peer.stop()
        moved.remote = caller.path.gateway
        moved.start()
        began = time.time()
        await moved.until_received(1)
        assert time.time() - began < 0.2
        await moved.play(_words())
        await asyncio.sleep(0.3)
        heard = moved.audio()
        call = await caller.conclude()
    assert _heard_whole(call.engine_heard)
    assert _is_the_agent(heard, call.engine_said)


async def test_hold_in_the_old_spelling_silences_both_and_resuming_brings_both_back(
    new_caller: NewCaller,
) -> None:
    """`c=0.0.0.0` (RFC 2543). The music of whoever holds is not for the agent's ear."""
    async with new_caller(LONG) as caller:
        held = caller.offer().replace(b"c=IN IP4 127.0.0.1", b"c=IN IP4 0.0.0.0")
        assert (await caller.call.reinvite(held.replace(b"7 1 IN", b"7 2 IN"))).status == 200
        await asyncio.sleep(0.1)
        served = len(caller.peer.received)
        await caller.say(tone(STRANGER_HZ, 1000))
        assert len(caller.peer.received) - served == 0
        await asyncio.sleep(0.1)
        assert (await caller.call.reinvite(caller.offer().replace(b"7 1 IN", b"7 3 IN"))).status == 200
        await caller.say(_words())
        await asyncio.sleep(0.3)
        call = await caller.conclude()
    assert not _heard_stranger(call.engine_heard), "the agent heard the music"
    assert _heard_whole(call.engine_heard)
    resumed = [packet for packet in call.packets[served:] if packet.payload_type == 0]
    sound = np.concatenate([Law.PCMU.decode(packet.payload) for packet in resumed])
    assert _is_the_agent(sound, call.engine_said)


async def test_reports_share_the_port_of_an_avpf_call_and_tell_loss_and_round_trip(
    new_caller: NewCaller,
) -> None:
    def avpf(offer: bytes) -> bytes:
        return offer.replace(b"RTP/AVP ", b"RTP/AVPF ") + b"a=rtcp-mux\r\na=rtcp-fb:* nack\r\n"

    far_way = Impairment(delay_ms=40)
    line = Line(up=far_way, down=far_way)
    async with new_caller(line=line, edit_offer=avpf) as caller:
        assert b"RTP/AVPF 0 101" in caller.answer
        assert b"a=rtcp-mux" in caller.answer
        peer = caller.peer
        await peer.until(lambda: bool(peer.received_other), 8)
        report = rtcp.parse(peer.received_other[-1])
        sender = next(packet for packet in report if isinstance(packet, rtcp.SenderReport))
        (about_us,) = sender.reports
        assert (sender.ssrc, about_us.ssrc) == (peer.received[-1].ssrc, peer.ssrc)
        assert about_us.cumulative_lost == 0
        reply = rtcp.ReportBlock(
            ssrc=sender.ssrc,
            fraction_lost=64,
            cumulative_lost=9,
            highest_sequence=peer.received[-1].sequence,
            jitter=8,
            last_sender_report=rtcp.middle(sender.ntp_timestamp),
            delay_since_last=0,
        )
        peer.send_raw(rtcp.serialize(rtcp.ReceiverReport(peer.ssrc, (reply,))))
        await asyncio.sleep(0.3)
        call = await caller.conclude()
    assert call.network["remote_loss_fraction"] == 0.25
    assert call.network["round_trip_ms"] == pytest.approx(80, abs=15)
    goodbyes = [
        packet
        for data in peer.received_other
        for packet in rtcp.parse(data)
        if isinstance(packet, rtcp.Goodbye)
    ]
    assert goodbyes == [rtcp.Goodbye((sender.ssrc,))]


async def test_port_of_an_ended_call_takes_nothing_into_the_next_ones(new_caller: NewCaller) -> None:
    async with new_caller() as first:
        await first.conclude()
        assert first.path.gateway is not None
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as late:
            async with new_caller() as second:
                assert second.path.gateway is not None
                assert second.path.gateway != first.path.gateway
                for sequence in range(50):
                    header = HEADER.pack(0x80, 0, sequence, sequence * 160, first.peer.ssrc)
                    late.sendto(header + Law.PCMU.encode(tone(STRANGER_HZ, 20)), first.path.gateway)
                    await asyncio.sleep(0.01)
                call = await second.conclude()
    assert level_dbfs(call.engine_heard) < -55
    assert call.network["packets_ignored"] == 0


async def test_caller_on_a_bad_line_interrupts_the_agent(
    gateway: Gateway, parties: Parties, engine: EngineView
) -> None:
    number = parties.inbound_number(engine.script({"tone": AGENT_HZ, "ms": 10_000}))
    bad = Impairment(delay_ms=30, jitter_ms=20, burst_begins=0.02, burst_ends=0.4)
    caller = ImpairedCaller(gateway, engine.base_url, number, Line(up=bad, seed=4))
    async with caller:
        await asyncio.sleep(1)
        spoke = time.time()
        await caller.say(tone(CALLER_HZ, 1000, level_dbfs=-9))
        await asyncio.sleep(0.5)
        call = await caller.conclude()
    loud = [packet for packet in call.packets if level_dbfs(Law.PCMU.decode(packet.payload)) > -40]
    assert len(loud) > 30
    silent_after = loud[-1].arrival - spoke
    assert 0 < silent_after < 0.8, f"the agent spoke on for {silent_after:.2f} s"
