"""A leg's statistics as the gateway gets them."""

import numpy as np
import pytest

from media import messages as m
from media.codecs import create_codec
from media.quality.leg_report import spell
from media.rtp import RtpPacket
from tests.media.quality.test_leg_monitor import VOICE, Talk
from tests.media.test_leg import LEG


def test_a_good_conversation_has_good_figures_and_no_diagnosis(talk: Talk) -> None:
    talk.begin()
    talk.run(1000, agent=VOICE)
    talk.run(400)
    for _ in range(5):
        talk.run(1000, caller=VOICE)
        talk.run(500)
        talk.run(1000, agent=VOICE)
    figures = talk.leg.statistics()
    assert figures.mos == pytest.approx(4.41, abs=0.02)
    assert figures.mos_min == figures.mos_average == figures.mos
    assert figures.turns == 5
    assert figures.turn_latency_p50_ms == pytest.approx(500, abs=80)
    assert figures.first_audio_ms is not None
    assert figures.first_audio_ms < 100
    assert figures.silence_share == pytest.approx(0.6, abs=0.1)
    assert figures.clipping_share == 0
    assert figures.diagnosis is None
    assert figures.diagnosis_text is None


def test_loss_lowers_the_score_and_is_diagnosed(talk: Talk) -> None:
    talk.begin()
    talk.run(400, agent=VOICE)
    keep = np.random.default_rng(1).random(600) > 0.1
    for kept in keep:
        if kept:
            talk.say(VOICE[:160])
        else:
            talk.sequence += 1
        talk.tick()
    figures = talk.leg.statistics()
    assert figures.packets_lost == pytest.approx(60, abs=20)
    assert 0 < figures.loss_gaps <= figures.packets_lost
    assert figures.mos_min is not None
    assert figures.mos_min < 3.6
    assert figures.diagnosis == "high-loss"


def test_a_call_without_packets_names_the_address_of_the_sdp(talk: Talk) -> None:
    talk.do(
        m.NegotiateLeg(
            leg_id=LEG,
            remote_host="10.0.0.7",
            remote_port=9,
            remote_rtcp_port=0,
            codec="PCMU",
            clock_rate=8000,
            payload_type=0,
        )
    )
    talk.do(m.OpenGate(leg_id=LEG))
    talk.tick(150)
    figures = talk.leg.statistics()
    assert figures.mos is None
    assert figures.diagnosis == "no-packets"
    assert figures.diagnosis_text == "no packet from 10.0.0.7 since answer: the SDP named a private address"


def test_a_wrong_payload_type_is_named(talk: Talk) -> None:
    talk.negotiate()
    talk.do(m.OpenGate(leg_id=LEG))
    payload = create_codec("PCMA", 8000).encode(VOICE[:160].tobytes())
    for number in range(150):
        packet = RtpPacket(8, number, number * 160, 1, False, payload)
        talk.peer.sendto(packet.serialize(), talk.sockets[0].getsockname())
        talk.leg.rtp.receiver.readable(talk.now)
        talk.tick()
    figures = talk.leg.statistics()
    assert figures.diagnosis == "wrong-payload-type"
    assert "payload type 8, but 0 (PCMU)" in (figures.diagnosis_text or "")


def test_addresses_are_spelt_for_people() -> None:
    assert spell(("192.0.2.1", 4000)) == "192.0.2.1:4000"
    assert spell(("2001:db8::1", 4000, 0, 0)) == "[2001:db8::1]:4000"
