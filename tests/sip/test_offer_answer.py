from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sip.audio_parameters import AudioParameters, LocalAudio
from sip.errors import NotAcceptableError, SdpError
from sip.offer_answer import AudioSession
from sip.sdp import MediaDescription, RtpMap, SessionDescription
from sip.sdp_security import MediaEncryption

LOCAL = LocalAudio(host="203.0.113.1", port=40000, rtcp_port=40001)
TIME = b"t=0 0\r\n"


def sdp(*lines: str, connection: str = "IN IP4 192.0.2.10", version: int = 1) -> bytes:
    """A description from 192.0.2.10 with the m= sections given."""
    session = ["v=0", f"o=- 1 {version} IN IP4 192.0.2.10", "s=-", f"c={connection}", "t=0 0"]
    return "\r\n".join([*session, *lines, ""]).encode()


AUDIO = "m=audio 16384 RTP/AVP 0 8 101"
EVENTS = "a=rtpmap:101 telephone-event/8000"


def session(local: LocalAudio = LOCAL) -> AudioSession:
    return AudioSession(local, 7)


def read(body: bytes) -> SessionDescription:
    return SessionDescription.parse(body)


def audio_of(body: bytes) -> MediaDescription:
    return next(section for section in read(body).media if section.kind == "audio" and section.port)


def version_of(body: bytes) -> int:
    origin = read(body).origin
    assert origin is not None
    assert origin.session_id == "7"
    return int(origin.session_version)


# Answering


def test_plain_offer_is_answered_with_its_first_codec_and_telephone_events() -> None:
    body, parameters = session().answer(sdp(AUDIO, EVENTS))
    assert parameters == AudioParameters(
        remote_host="192.0.2.10",
        remote_port=16384,
        remote_rtcp_port=16385,
        codec="PCMU",
        clock_rate=8000,
        payload_type=0,
        telephone_event_payload_type=101,
        telephone_event_clock_rate=8000,
        ptime_ms=20,
        direction="sendrecv",
        rtcp_mux=False,
        on_hold=False,
    )
    assert body.decode() == (
        "v=0\r\no=- 7 1 IN IP4 203.0.113.1\r\ns=-\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\n"
        "m=audio 40000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
        "a=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"
    )


def test_order_of_the_offer_decides_the_codec() -> None:
    _, parameters = session().answer(sdp("m=audio 5000 RTP/AVP 18 8 0"))
    assert (parameters.codec, parameters.payload_type) == ("PCMA", 8)
    assert parameters.telephone_event_payload_type is None


def test_codec_that_is_not_ours_is_not_taken() -> None:
    local = dataclasses.replace(LOCAL, codecs=("PCMA",))
    assert session(local).answer(sdp(AUDIO))[1].codec == "PCMA"


def test_dynamic_payload_types_keep_the_numbers_of_the_offer() -> None:
    offer = sdp(
        "m=audio 5000 RTP/AVP 96 105",
        "a=rtpmap:96 pcma/8000",
        "a=rtpmap:105 Telephone-Event/8000",
        "a=fmtp:105 0-15",
    )
    body, parameters = session().answer(offer)
    assert (parameters.codec, parameters.payload_type) == ("PCMA", 96)
    assert parameters.telephone_event_payload_type == 105
    assert audio_of(body).formats == ("96", "105")
    assert audio_of(body).rtpmap()[96] == RtpMap("PCMA", 8000)


@pytest.mark.parametrize(
    ("codec", "offer", "number"),
    [
        ("OPUS", ["m=audio 5000 RTP/AVP 111 110 126", "a=rtpmap:111 opus/48000/2"], 110),
        ("PCMU", ["m=audio 5000 RTP/AVP 0 110 126"], 126),
    ],
)
def test_clock_rate_of_telephone_events_follows_the_codec(codec: str, offer: list[str], number: int) -> None:
    local = dataclasses.replace(LOCAL, codecs=("OPUS", "PCMU"))
    events = ["a=rtpmap:110 telephone-event/48000", "a=rtpmap:126 telephone-event/8000"]
    _, parameters = session(local).answer(sdp(*offer, *events))
    assert parameters.codec == codec
    assert parameters.telephone_event_payload_type == number
    assert parameters.telephone_event_clock_rate == parameters.clock_rate


def test_events_on_another_clock_are_better_than_none() -> None:
    local = dataclasses.replace(LOCAL, codecs=("OPUS",))
    offer = sdp("m=audio 5000 RTP/AVP 111 101", "a=rtpmap:111 opus/48000/2", EVENTS)
    _, parameters = session(local).answer(offer)
    assert (parameters.telephone_event_payload_type, parameters.telephone_event_clock_rate) == (101, 8000)


def test_telephone_events_can_be_switched_off() -> None:
    body, parameters = session(dataclasses.replace(LOCAL, telephone_event=False)).answer(sdp(AUDIO, EVENTS))
    assert parameters.telephone_event_payload_type is None
    assert audio_of(body).formats == ("0",)


@pytest.mark.parametrize("ptime", [10, 20, 30, 40, 60])
def test_ptime_of_the_offer_is_what_we_send(ptime: int) -> None:
    body, parameters = session().answer(sdp(AUDIO, f"a=ptime:{ptime}"))
    assert parameters.ptime_ms == ptime
    assert audio_of(body).ptime == ptime


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["a=ptime:25"], 20),
        (["a=ptime:0"], 20),
        ([], 20),
        (["a=ptime:60", "a=maxptime:40"], 40),
        (["a=maxptime:10"], 10),
        (["a=maxptime:5"], 10),
    ],
)
def test_ptime_that_cannot_be_sent_is_replaced_within_the_peers_limit(
    lines: list[str], expected: int
) -> None:
    assert session().answer(sdp(AUDIO, *lines))[1].ptime_ms == expected


def test_refused_streams_come_back_with_port_0_in_their_order() -> None:
    offer = sdp(
        "m=video 5000 RTP/AVP 96 97",
        "a=rtpmap:96 VP8/90000",
        "m=audio 5002 RTP/SAVP 0",
        AUDIO,
        "m=audio 5004 RTP/AVP 0",
        "m=image 5006 udptl t38",
        "m=application 0 TCP/MSRP *",
    )
    body, parameters = session().answer(offer)
    assert [(m.kind, m.port, m.protocol, m.formats) for m in read(body).media] == [
        ("video", 0, "RTP/AVP", ("96", "97")),
        ("audio", 0, "RTP/SAVP", ("0",)),
        ("audio", 40000, "RTP/AVP", ("0",)),
        ("audio", 0, "RTP/AVP", ("0",)),
        ("image", 0, "udptl", ("t38",)),
        ("application", 0, "TCP/MSRP", ("*",)),
    ]
    assert parameters.remote_port == 16384


@pytest.mark.parametrize("profile", ["RTP/AVP", "RTP/AVPF"])
def test_profile_of_the_offer_is_the_profile_of_the_answer(profile: str) -> None:
    body, _ = session().answer(sdp(f"m=audio 5000 {profile} 0"))
    assert audio_of(body).protocol == profile


@pytest.mark.parametrize(
    "lines",
    [
        ["m=audio 5000 RTP/SAVP 0"],
        ["m=audio 5000 UDP/TLS/RTP/SAVPF 0"],
        ["m=audio 5000 RTP/AVP 18"],
        ["m=audio 5000 RTP/AVP 101", EVENTS],
        ["m=audio 0 RTP/AVP 0"],
        ["m=video 5000 RTP/AVP 0"],
        ["m=audio 5000 RTP/AVP 0", "a=rtpmap:0 PCMU/16000"],
        [],
    ],
)
def test_offer_with_nothing_in_common_is_not_acceptable(lines: list[str]) -> None:
    with pytest.raises(NotAcceptableError):
        session().answer(sdp(*lines))


@pytest.mark.parametrize("body", [b"", b"hello", b"v=0\r\nm=audio 5000 RTP/AVP 0\r\n"])
def test_unreadable_offer_is_an_sdp_error(body: bytes) -> None:
    with pytest.raises(SdpError):
        session().answer(body)


def test_own_address_of_the_audio_overrides_that_of_the_session() -> None:
    _, parameters = session().answer(sdp(AUDIO, "c=IN IP4 198.51.100.9"))
    assert parameters.remote_host == "198.51.100.9"


def test_ipv6_on_both_sides() -> None:
    body, parameters = session(dataclasses.replace(LOCAL, host="2001:db8::1")).answer(
        sdp(AUDIO, connection="IN IP6 2001:db8::9")
    )
    assert parameters.remote_host == "2001:db8::9"
    assert b"c=IN IP6 2001:db8::1\r\n" in body
    assert b" IN IP6 2001:db8::1\r\ns=" in body


def test_time_of_the_offer_is_the_time_of_the_answer() -> None:
    body, _ = session().answer(sdp(AUDIO).replace(TIME, b"t=2873397496 2873404696\r\nt=5 6\r\n"))
    assert read(body).times == ("2873397496 2873404696", "5 6")


def test_rtcp_goes_where_the_offer_says() -> None:
    assert session().answer(sdp(AUDIO, "a=rtcp:5555 IN IP4 192.0.2.99"))[1].remote_rtcp_port == 5555


def test_rtcp_mux_is_accepted_when_offered_and_allowed() -> None:
    body, parameters = session().answer(sdp(AUDIO, "a=rtcp-mux", "a=rtcp:5555"))
    assert (parameters.rtcp_mux, parameters.remote_rtcp_port) == (True, 16384)
    assert audio_of(body).rtcp_mux
    body, parameters = session(dataclasses.replace(LOCAL, rtcp_mux=False)).answer(sdp(AUDIO, "a=rtcp-mux"))
    assert (parameters.rtcp_mux, parameters.remote_rtcp_port) == (False, 16385)
    assert not audio_of(body).rtcp_mux
    assert not audio_of(session().answer(sdp(AUDIO))[0]).rtcp_mux


def test_rtcp_port_of_ours_is_named_when_it_is_not_the_next_one() -> None:
    body, _ = session(dataclasses.replace(LOCAL, rtcp_port=41000)).answer(sdp(AUDIO))
    assert audio_of(body).rtcp_port == 41000


# Hold


@pytest.mark.parametrize(
    ("connection", "attribute", "direction", "on_hold"),
    [
        ("192.0.2.10", "sendrecv", "sendrecv", False),
        ("192.0.2.10", "sendonly", "recvonly", True),
        ("192.0.2.10", "inactive", "inactive", True),
        ("192.0.2.10", "recvonly", "sendonly", False),
        ("0.0.0.0", "sendrecv", "recvonly", True),
        ("0.0.0.0", "sendonly", "recvonly", True),
        ("0.0.0.0", "recvonly", "inactive", True),
        ("0.0.0.0", "inactive", "inactive", True),
    ],
)
def test_hold_in_every_spelling_is_answered_and_known(
    connection: str, attribute: str, direction: str, on_hold: bool
) -> None:
    offer = sdp(AUDIO, f"a={attribute}", connection=f"IN IP4 {connection}")
    body, parameters = session().answer(offer)
    assert (parameters.direction, parameters.on_hold) == (direction, on_hold)
    assert audio_of(body).direction == direction


def test_hold_at_session_level_counts() -> None:
    body = sdp(AUDIO).replace(TIME, TIME + b"a=sendonly\r\n")
    assert session().answer(body)[1].direction == "recvonly"


def test_hold_and_resume_come_back_to_the_start() -> None:
    call = session()
    first, before = call.answer(sdp(AUDIO, EVENTS))
    held, during = call.answer(sdp(AUDIO, EVENTS, "a=sendonly", version=2))
    resumed, after = call.answer(sdp(AUDIO, EVENTS, "a=sendrecv", version=3))
    assert during.on_hold
    assert after == before
    assert [version_of(body) for body in (first, held, resumed)] == [1, 2, 3]


# The o= version


def test_session_refresh_changes_nothing() -> None:
    call = session()
    first = call.answer(sdp(AUDIO, EVENTS))
    for version in (1, 2, 3):
        assert call.answer(sdp(AUDIO, EVENTS, version=version)) == first


def test_version_grows_by_one_when_and_only_when_the_answer_changes() -> None:
    call = session()
    offers = [
        sdp(AUDIO),
        sdp(AUDIO),
        sdp("m=audio 5000 RTP/AVP 8"),
        sdp("m=audio 6000 RTP/AVP 8"),
        sdp(AUDIO),
    ]
    assert [version_of(call.answer(offer)[0]) for offer in offers] == [1, 1, 2, 2, 3]


def test_offer_that_is_refused_leaves_everything_as_it_was() -> None:
    call = session()
    first = call.answer(sdp(AUDIO))
    for bad in (sdp("m=audio 5000 RTP/SAVP 0"), b"rubbish", sdp("m=audio 0 RTP/AVP 0")):
        with pytest.raises((NotAcceptableError, SdpError)):
            call.answer(bad)
    assert call.current == first[1]
    assert call.answer(sdp(AUDIO)) == first


def test_audio_keeps_its_line_when_another_would_do_too() -> None:
    call = session()
    call.answer(sdp("m=audio 0 RTP/AVP 0", AUDIO))
    body, parameters = call.answer(sdp("m=audio 7000 RTP/AVP 0", AUDIO))
    assert [section.port for section in read(body).media] == [0, 40000]
    assert parameters.remote_port == 16384


# Wideband

OPUS = "a=rtpmap:96 opus/48000/2"


def test_wideband_first_in_our_order_is_taken_though_the_peer_has_it_last() -> None:
    local = dataclasses.replace(LOCAL, codecs=("G722", "PCMU", "PCMA"))
    body, parameters = session(local).answer(sdp("m=audio 5000 RTP/AVP 8 0 9 101", EVENTS))
    assert (parameters.codec, parameters.payload_type, parameters.clock_rate) == ("G722", 9, 8000)
    assert (parameters.sample_rate, parameters.telephone_event_clock_rate) == (16000, 8000)
    assert b"a=rtpmap:9 G722/8000\r\n" in body


def test_between_the_two_laws_of_g711_the_offer_decides() -> None:
    local = dataclasses.replace(LOCAL, codecs=("PCMU", "PCMA", "G722"))
    assert session(local).answer(sdp("m=audio 5000 RTP/AVP 9 8 0"))[1].codec == "PCMA"


def test_opus_answer_says_what_we_hear_and_mirrors_what_the_peer_wishes() -> None:
    local = dataclasses.replace(LOCAL, codecs=("OPUS",))
    theirs = "minptime=20;useinbandfec=1;maxplaybackrate=8000;stereo=1;cbr=1;usedtx=1;x=y"
    body, parameters = session(local).answer(
        sdp("m=audio 5000 RTP/AVP 96 97", OPUS, f"a=fmtp:96 {theirs}", "a=rtpmap:97 telephone-event/48000")
    )
    assert (parameters.codec, parameters.clock_rate, parameters.sample_rate) == ("OPUS", 48000, 16000)
    assert parameters.fmtp == theirs
    assert (parameters.telephone_event_payload_type, parameters.telephone_event_clock_rate) == (97, 48000)
    section = audio_of(body)
    assert section.rtpmap()[96] == RtpMap("OPUS", 48000, 2)
    assert section.fmtp()[96] == (
        "minptime=20;useinbandfec=1;maxplaybackrate=8000;sprop-maxcapturerate=16000;stereo=0;cbr=1;usedtx=1"
    )


def test_opus_without_parameters_or_channels_is_still_opus() -> None:
    local = dataclasses.replace(LOCAL, codecs=("OPUS",))
    body, parameters = session(local).answer(sdp("m=audio 5000 RTP/AVP 96", "a=rtpmap:96 opus/48000"))
    assert (parameters.codec, parameters.fmtp) == ("OPUS", "")
    assert b"a=rtpmap:96 opus/48000/2\r\n" in body
    assert b"a=fmtp:96 minptime=10;useinbandfec=1;" in body


@pytest.mark.parametrize(
    ("rtpmap", "rate"),
    [("L16/16000", 16000), ("L16/8000/1", 8000), ("L16/16000/2", None), ("L16/44100", None)],
)
def test_l16_is_taken_at_the_rates_and_in_the_one_channel_that_we_have(rtpmap: str, rate: int | None) -> None:
    call = session(dataclasses.replace(LOCAL, codecs=("L16",)))
    offer = sdp("m=audio 5000 RTP/AVP 100", f"a=rtpmap:100 {rtpmap}")
    if rate is None:
        with pytest.raises(NotAcceptableError):
            call.answer(offer)
        return
    body, parameters = call.answer(offer)
    assert (parameters.payload_type, parameters.clock_rate, parameters.sample_rate) == (100, rate, rate)
    assert f"a=rtpmap:100 L16/{rate}\r\n".encode() in body


@pytest.mark.parametrize(
    ("codec", "rtpmap", "ptime", "sent"),
    [
        ("OPUS", "opus/48000/2", 30, 20),
        ("OPUS", "opus/48000/2", 60, 60),
        ("L16", "L16/16000", 60, 20),
        ("L16", "L16/8000", 60, 60),
    ],
)
def test_packet_times_are_those_that_the_codec_can_fill(
    codec: str, rtpmap: str, ptime: int, sent: int
) -> None:
    local = dataclasses.replace(LOCAL, codecs=(codec,))
    offer = sdp("m=audio 5000 RTP/AVP 100", f"a=rtpmap:100 {rtpmap}", f"a=ptime:{ptime}")
    assert session(local).answer(offer)[1].ptime_ms == sent


def test_offer_of_every_codec_is_in_our_order_with_events_for_each_clock() -> None:
    body = session(dataclasses.replace(LOCAL, codecs=("OPUS", "G722", "L16", "PCMA"))).offer()
    section = audio_of(body)
    assert section.formats == ("111", "9", "112", "113", "8", "101", "102", "103")
    assert section.fmtp()[111].startswith("minptime=10;useinbandfec=1")
    assert [section.rtpmap()[number].clock_rate for number in (101, 102, 103)] == [48000, 8000, 16000]


def test_answer_to_our_wideband_offer_brings_rate_and_parameters() -> None:
    call = session(dataclasses.replace(LOCAL, codecs=("OPUS", "G722", "PCMU")))
    call.offer()
    parameters = call.accept_answer(
        sdp("m=audio 5000 RTP/AVP 111 101", "a=rtpmap:111 opus/48000/2", "a=fmtp:111 useinbandfec=1;usedtx=1")
    )
    assert (parameters.sample_rate, parameters.fmtp) == (16000, "useinbandfec=1;usedtx=1")
    assert (parameters.telephone_event_payload_type, parameters.telephone_event_clock_rate) == (101, 48000)


def test_later_offer_gives_no_number_twice() -> None:
    call = session(dataclasses.replace(LOCAL, codecs=("OPUS", "L16", "PCMU")))
    call.answer(
        sdp("m=audio 5000 RTP/AVP 112 101", "a=rtpmap:112 opus/48000/2", "a=rtpmap:101 telephone-event/48000")
    )
    section = audio_of(call.offer())
    assert len(set(section.formats)) == len(section.formats)
    assert section.rtpmap()[112] == RtpMap("OPUS", 48000, 2)
    assert section.rtpmap()[101] == RtpMap("TELEPHONE-EVENT", 48000)


# Offering


def test_offer_names_all_codecs_and_telephone_events() -> None:
    body = session().offer()
    assert audio_of(body).formats == ("0", "8", "101")
    assert audio_of(body).rtpmap() == {
        0: RtpMap("PCMU", 8000),
        8: RtpMap("PCMA", 8000),
        101: RtpMap("TELEPHONE-EVENT", 8000),
    }
    assert (audio_of(body).direction, audio_of(body).ptime) == ("sendrecv", 20)
    assert version_of(body) == 1


def test_offer_with_two_clock_rates_has_events_for_each() -> None:
    body = session(dataclasses.replace(LOCAL, codecs=("OPUS", "G722", "PCMU"))).offer()
    assert audio_of(body).formats == ("111", "9", "0", "101", "102")
    assert audio_of(body).rtpmap()[111] == RtpMap("OPUS", 48000, 2)
    assert audio_of(body).rtpmap()[101] == RtpMap("TELEPHONE-EVENT", 48000)
    assert audio_of(body).rtpmap()[102] == RtpMap("TELEPHONE-EVENT", 8000)


def test_answer_to_our_offer_is_read() -> None:
    call = session()
    call.offer()
    parameters = call.accept_answer(sdp("m=audio 6000 RTP/AVP 8 101", EVENTS, "a=ptime:30"))
    assert (parameters.codec, parameters.payload_type, parameters.remote_port) == ("PCMA", 8, 6000)
    assert (parameters.telephone_event_payload_type, parameters.ptime_ms) == (101, 30)
    assert call.current == parameters


def test_answer_may_leave_our_own_numbers_unnamed() -> None:
    call = session()
    call.offer()
    assert call.accept_answer(sdp("m=audio 6000 RTP/AVP 0 101")).telephone_event_payload_type == 101


def test_telephone_events_have_the_offerers_number_even_when_the_answer_renumbers() -> None:
    call = session()
    call.offer()
    parameters = call.accept_answer(sdp("m=audio 6000 RTP/AVP 0 96", "a=rtpmap:96 telephone-event/8000"))
    assert parameters.telephone_event_payload_type == 101


@pytest.mark.parametrize(
    ("theirs", "ours", "on_hold"),
    [("recvonly", "sendonly", False), ("sendonly", "recvonly", True), ("inactive", "inactive", True)],
)
def test_direction_of_an_answer_is_seen_from_our_side(theirs: str, ours: str, on_hold: bool) -> None:
    call = session()
    call.offer()
    parameters = call.accept_answer(sdp(AUDIO, f"a={theirs}"))
    assert (parameters.direction, parameters.on_hold) == (ours, on_hold)


@pytest.mark.parametrize(
    "lines", [["m=audio 0 RTP/AVP 0"], ["m=audio 5000 RTP/AVP 18"], ["m=video 5 RTP/AVP 0"]]
)
def test_answer_that_refuses_the_audio_is_not_acceptable(lines: list[str]) -> None:
    call = session()
    call.offer()
    with pytest.raises(NotAcceptableError):
        call.accept_answer(sdp(*lines))
    assert call.current is None


@pytest.mark.parametrize("body", [b"", b"v=0\r\n", sdp()])
def test_answer_that_answers_nothing_is_an_sdp_error(body: bytes) -> None:
    call = session()
    call.offer()
    with pytest.raises(SdpError):
        call.accept_answer(body)


def test_answer_without_an_offer_is_an_sdp_error() -> None:
    call = session()
    with pytest.raises(SdpError):
        call.accept_answer(sdp(AUDIO))
    call.offer()
    call.withdraw_offer()
    with pytest.raises(SdpError):
        call.accept_answer(sdp(AUDIO))


def test_same_answer_again_changes_nothing() -> None:
    call = session()
    call.offer()
    assert call.accept_answer(sdp(AUDIO, EVENTS)) == call.accept_answer(sdp(AUDIO, EVENTS))


def test_later_offer_keeps_lines_numbers_and_codec_of_the_call() -> None:
    call = session()
    call.answer(
        sdp(
            "m=video 5000 RTP/AVP 96",
            "m=audio 5002 RTP/AVP 8 97",
            "a=rtpmap:97 telephone-event/8000",
            "a=ptime:40",
        )
    )
    body = call.offer()
    video, audio = read(body).media
    assert (video.kind, video.port, video.formats) == ("video", 0, ("96",))
    assert audio.formats == ("8", "0", "97")
    assert audio.ptime == 40


def test_repeated_offer_does_not_grow_the_version() -> None:
    call = session()
    first = call.offer()
    call.accept_answer(sdp("m=audio 6000 RTP/AVP 0 101", EVENTS))
    assert call.offer() == first


def test_multiplexed_rtcp_stays_so_in_a_later_offer() -> None:
    call = session()
    call.answer(sdp(AUDIO, "a=rtcp-mux"))
    assert audio_of(call.offer()).rtcp_mux
    assert call.accept_answer(sdp(AUDIO, "a=rtcp-mux")).rtcp_mux
    call.offer()
    assert not call.accept_answer(sdp(AUDIO)).rtcp_mux


def test_we_can_put_the_peer_on_hold() -> None:
    call = session()
    call.answer(sdp(AUDIO))
    body = call.offer("sendonly")
    assert audio_of(body).direction == "sendonly"
    assert call.accept_answer(sdp(AUDIO, "a=recvonly")).direction == "sendonly"


def test_while_we_hold_no_answer_lets_the_peer_be_heard() -> None:
    call = session()
    call.answer(sdp(AUDIO))
    call.hold(True)
    assert audio_of(call.offer()).direction == "sendonly"
    assert call.accept_answer(sdp(AUDIO, "a=sendrecv")).direction == "sendonly", "whatever it answers"
    for theirs, ours in (
        ("sendrecv", "sendonly"),
        ("sendonly", "inactive"),
        ("recvonly", "sendonly"),
        ("inactive", "inactive"),
    ):
        body, parameters = call.answer(sdp(AUDIO, f"a={theirs}"))
        assert audio_of(body).direction == parameters.direction == ours
    call.hold(False)
    assert audio_of(call.offer()).direction == "sendrecv"
    assert call.accept_answer(sdp(AUDIO, "a=sendrecv")).direction == "sendrecv"


def test_two_of_us_agree() -> None:
    caller = session()
    callee = AudioSession(dataclasses.replace(LOCAL, host="203.0.113.2", port=50000, rtcp_port=50001), 8)
    answer, at_callee = callee.answer(caller.offer())
    at_caller = caller.accept_answer(answer)
    assert (at_caller.remote_port, at_callee.remote_port) == (50000, 40000)
    assert (at_caller.codec, at_caller.telephone_event_payload_type) == ("PCMU", 101)


SECTIONS = [
    "m=audio 5000 RTP/AVP 0",
    AUDIO,
    EVENTS,
    "a=sendonly",
    "a=ptime:30",
    "m=video 5 RTP/AVP 96",
    "a=rtcp-mux",
]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.sampled_from(SECTIONS) | st.text(max_size=20), max_size=6), max_size=5))
def test_any_sequence_of_offers_is_answered_or_refused_by_our_own_errors(offers: list[list[str]]) -> None:
    call = session()
    versions: list[int] = []
    bodies: list[bytes] = []
    for lines in offers:
        body = sdp(*lines[:0]) + "\r\n".join([*lines, ""]).encode()
        try:
            answer, parameters = call.answer(body)
        except (SdpError, NotAcceptableError):
            continue
        assert len(read(answer).media) == len(read(body).media)
        assert parameters.codec in LOCAL.codecs
        versions.append(version_of(answer))
        bodies.append(answer)
    for earlier, later in zip(range(len(versions)), range(1, len(versions)), strict=False):
        assert versions[later] - versions[earlier] == (bodies[later] != bodies[earlier])


@pytest.mark.parametrize("line", ["a=rtcp-xr:voip-metrics", "a=rtcp-xr:rcvr-rtt=all:10 voip-metrics"])
def test_who_wants_metrics_of_the_call_is_promised_them(line: str) -> None:
    body, parameters = session().answer(sdp(AUDIO, line))
    assert parameters.rtcp_xr
    assert audio_of(body).attribute("rtcp-xr") == "voip-metrics"


def test_who_does_not_ask_for_metrics_is_not_bothered_with_them() -> None:
    body, parameters = session().answer(sdp(AUDIO, "a=rtcp-xr:rcvr-rtt=all"))
    assert not parameters.rtcp_xr
    assert audio_of(body).attribute("rtcp-xr") is None


BROWSER = (
    b"""v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
a=msid-semantic: WMS s1
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:1 1 udp 2122260223 192.0.2.7 51000 typ host generation 0
a=ice-ufrag:Ab3d
a=ice-pwd:0123456789abcdefghijklmn
a=ice-options:trickle
a=fingerprint:sha-256 """
    + b":".join([b"AB"] * 32)
    + b"""
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=sendrecv
a=msid:s1 t1
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=rtpmap:110 telephone-event/48000
a=rtpmap:126 telephone-event/8000
a=ssrc:12 cname:x
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=mid:1
a=rtpmap:96 VP8/90000
"""
)


def browser_session() -> AudioSession:
    local = LocalAudio(
        host="192.0.2.1",
        port=20000,
        rtcp_port=20001,
        codecs=("OPUS", "PCMU"),
        encryption=MediaEncryption.ALLOW,
        dtls_fingerprint="12:34",
        ice=True,
    )
    return AudioSession(local, 7)


def test_a_browser_finds_its_sections_again_and_the_refused_one_leaves_the_bundle() -> None:
    answer, parameters = browser_session().answer(BROWSER)
    session, audio, video = answer.decode().split("m=")
    assert "a=group:BUNDLE 0\r\n" in session
    assert "a=ice-lite\r\n" in session
    assert "a=mid:0\r\n" in audio
    assert "a=msid:trunkline trunkline-audio\r\n" in audio
    assert "a=rtcp-mux\r\n" in audio
    assert video.startswith("video 0 ")
    assert "a=mid:1\r\n" in video
    assert parameters.codec == "OPUS"
    assert parameters.telephone_event_payload_type == 110


def test_a_later_offer_to_a_browser_keeps_the_names_of_its_sections() -> None:
    session = browser_session()
    session.answer(BROWSER)
    offer = session.offer().decode()
    assert "a=group:BUNDLE 0\r\n" in offer
    assert "a=mid:0\r\n" in offer
    assert "a=mid:1\r\n" in offer
    assert offer.count("a=msid:") == 1


def test_an_offer_without_names_is_answered_without_names() -> None:
    session = browser_session()
    plain = b"\n".join(line for line in BROWSER.split(b"\n") if not line.startswith((b"a=mid", b"a=group")))
    answer, _ = session.answer(plain)
    assert b"mid" not in answer
    assert b"BUNDLE" not in answer
