from dataclasses import replace

import pytest

from media.messages import Direction, NegotiateLeg
from media.quality.diagnosis import Symptoms, diagnose

SETTLED = NegotiateLeg(
    leg_id="l",
    remote_host="203.0.113.7",
    remote_port=4000,
    remote_rtcp_port=4001,
    codec="PCMU",
    clock_rate=8000,
    payload_type=0,
)
HEALTHY = Symptoms(
    answered_s=30,
    packets_received=1500,
    packets_sent=1500,
    packets_lost=0,
    packets_discarded=0,
    strangers=0,
    stranger=None,
    wrong_payload_type=0,
    last_wrong_payload_type=None,
    malformed=0,
    undecryptable=0,
    unreachable=0,
    source="203.0.113.7:4000",
    last_packet_age_s=0.02,
    jitter_ms=2,
    round_trip_ms=40,
    remote_loss=0,
    silent_share=0.6,
    clipping_share=0,
    mos=4.3,
    engine_open_s=30,
    engine_bytes=100_000,
    owed_s=None,
)
NOTHING = replace(HEALTHY, packets_received=0, source=None, last_packet_age_s=None, mos=None)


def named(host: str) -> NegotiateLeg:
    return NegotiateLeg(
        leg_id="l",
        remote_host=host,
        remote_port=4000,
        remote_rtcp_port=4001,
        codec="PCMU",
        clock_rate=8000,
        payload_type=0,
    )


def test_a_healthy_call_has_no_diagnosis() -> None:
    assert diagnose(HEALTHY, SETTLED) is None


def test_nothing_is_said_before_negotiation_or_in_the_first_moments() -> None:
    assert diagnose(NOTHING, None) is None
    assert diagnose(replace(NOTHING, answered_s=1.0), SETTLED) is None


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("10.0.0.7", "the SDP named a private address"),
        ("192.168.1.20", "the SDP named a private address"),
        ("100.64.3.4", "the SDP named a private address"),
        ("fd00::7", "the SDP named a private address"),
        ("127.0.0.1", "the SDP named a loopback address"),
        ("0.0.0.0", "the SDP named no address (0.0.0.0, hold)"),
        ("203.0.113.7", "nothing was sent, or a firewall keeps it from us"),
    ],
)
def test_a_call_without_packets_says_what_the_sdp_named(host: str, reason: str) -> None:
    found = diagnose(NOTHING, named(host))
    assert found is not None
    assert found.code == "no-packets"
    assert found.text == f"no packet from {host} since answer: {reason}"


@pytest.mark.parametrize(
    ("symptoms", "code", "word"),
    [
        (replace(NOTHING, wrong_payload_type=80, last_wrong_payload_type=8), "wrong-payload-type", "type 8"),
        (replace(NOTHING, strangers=50, stranger="198.51.100.9:7000"), "stranger-packets", "198.51.100.9"),
        (replace(NOTHING, malformed=50), "malformed-packets", "not RTP"),
        (replace(NOTHING, undecryptable=50), "undecryptable-packets", "none can be decrypted"),
        (replace(HEALTHY, last_packet_age_s=12.0), "packets-stopped", "12 s"),
        (replace(HEALTHY, engine_bytes=0), "engine-silent", "30 s"),
        (replace(HEALTHY, owed_s=11.5), "engine-slow", "owes"),
        (replace(HEALTHY, unreachable=1400), "port-closed", "203.0.113.7:4000"),
        (replace(HEALTHY, remote_loss=0.996), "one-way-out", "cannot hear"),
        (replace(HEALTHY, silent_share=0.999), "one-way-in", "silence"),
        (
            replace(HEALTHY, wrong_payload_type=9000, last_wrong_payload_type=18),
            "wrong-payload-type",
            "payload type 18",
        ),
        (replace(HEALTHY, packets_lost=120), "high-loss", "7.4%"),
        (replace(HEALTHY, jitter_ms=55.2), "high-jitter", "55 ms"),
        (replace(HEALTHY, packets_discarded=60), "high-jitter", "4.0%"),
        (replace(HEALTHY, remote_loss=0.08), "high-loss-out", "8.0%"),
        (replace(HEALTHY, round_trip_ms=650.0), "high-delay", "650 ms"),
        (replace(HEALTHY, clipping_share=0.05), "clipping", "5.0%"),
        (replace(HEALTHY, mos=3.1), "low-quality", "3.1"),
        (replace(HEALTHY, strangers=5000, stranger="198.51.100.9:7000"), "stranger-packets", "no party"),
    ],
)
def test_each_fault_has_its_name_and_its_words(symptoms: Symptoms, code: str, word: str) -> None:
    found = diagnose(symptoms, SETTLED)
    assert found is not None
    assert found.code == code
    assert word in found.text
    assert "\n" not in found.text


def test_the_cause_comes_before_its_consequences() -> None:
    both = replace(HEALTHY, packets_lost=400, mos=1.9, jitter_ms=90)
    found = diagnose(both, SETTLED)
    assert found is not None
    assert found.code == "high-loss"


def test_on_hold_a_far_party_that_sends_nothing_is_in_order() -> None:
    held = NegotiateLeg(
        leg_id="l",
        remote_host="203.0.113.7",
        remote_port=4000,
        remote_rtcp_port=4001,
        codec="PCMU",
        clock_rate=8000,
        payload_type=0,
        direction=Direction.SENDONLY,
    )
    assert diagnose(replace(HEALTHY, last_packet_age_s=60, silent_share=1.0), held) is None
