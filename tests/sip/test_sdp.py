from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sip.errors import SdpError
from sip.sdp import Connection, MediaDescription, Origin, RtpMap, SessionDescription

OFFER = (
    b"v=0\r\no=alice 2890844526 2890844527 IN IP4 host.example.com\r\ns=Call\r\ni=about\r\n"
    b"c=IN IP4 192.0.2.1\r\n"
    b"b=AS:64\r\nt=2873397496 2873404696\r\na=group:BUNDLE x\r\n"
    b"m=audio 49170/2 RTP/AVP 0 8 97 101\r\ni=sound\r\nb=TIAS:64000\r\na=rtpmap:97 iLBC/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000/1\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendonly\r\n"
    b"m=video 51372 RTP/AVPF 31\r\nc=IN IP4 192.0.2.2/127\r\na=rtcp:53020 IN IP4 192.0.2.9\r\na=rtcp-mux\r\n"
)


def media(lines: bytes) -> MediaDescription:
    (section,) = SessionDescription.parse(b"v=0\r\nc=IN IP4 192.0.2.1\r\n" + lines).media
    return section


def test_session_part_is_read() -> None:
    description = SessionDescription.parse(OFFER)
    assert description.origin == Origin("alice", "2890844526", "2890844527", "IP4", "host.example.com")
    assert description.name == "Call"
    assert description.times == ("2873397496 2873404696",)
    assert description.connection == Connection("IP4", "192.0.2.1")
    assert description.attributes == (("group", "BUNDLE x"),)


def test_media_sections_are_read_in_order() -> None:
    description = SessionDescription.parse(OFFER)
    audio, video = description.media
    assert (audio.kind, audio.port, audio.protocol, audio.formats) == (
        "audio",
        49170,
        "RTP/AVP",
        ("0", "8", "97", "101"),
    )
    assert audio.rtpmap() == {
        0: RtpMap("PCMU", 8000),
        8: RtpMap("PCMA", 8000),
        97: RtpMap("ILBC", 8000),
        101: RtpMap("TELEPHONE-EVENT", 8000),
    }
    assert audio.fmtp() == {101: "0-15"}
    assert (audio.ptime, audio.direction, audio.rtcp_port, audio.rtcp_mux) == (20, "sendonly", 49171, False)
    assert (video.rtcp_port, video.rtcp_mux, video.rtpmap()) == (53020, True, {})


def test_own_connection_of_a_section_overrides_that_of_the_session() -> None:
    description = SessionDescription.parse(OFFER)
    assert description.connection_of(description.media[0]).address == "192.0.2.1"
    assert description.connection_of(description.media[1]).address == "192.0.2.2"


def test_missing_connection_is_found_when_it_is_needed() -> None:
    description = SessionDescription.parse(b"v=0\r\nm=audio 1 RTP/AVP 0\r\n")
    with pytest.raises(SdpError):
        description.connection_of(description.media[0])


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r"])
def test_any_line_end_will_do(end: bytes) -> None:
    assert SessionDescription.parse(OFFER.replace(b"\r\n", end)) == SessionDescription.parse(OFFER)


def test_what_is_written_reads_back_the_same() -> None:
    description = SessionDescription.parse(OFFER)
    assert SessionDescription.parse(description.serialise()) == description


def test_missing_o_s_and_t_are_forgiven() -> None:
    description = SessionDescription.parse(b"v=0\nc=IN IP4 192.0.2.1\nm=audio 1 RTP/AVP 0")
    assert (description.origin, description.name, description.times) == (None, "-", ("0 0",))


def test_several_time_lines_are_kept() -> None:
    assert SessionDescription.parse(b"v=0\nt=1 2\nt=3 4\n").times == ("1 2", "3 4")


def test_bytes_that_are_not_utf8_are_carried() -> None:
    data = b"v=0\r\ns=J\xf6rg\r\nt=0 0\r\n"
    assert SessionDescription.parse(data).serialise() == data


def test_ipv6_address_is_read() -> None:
    description = SessionDescription.parse(b"v=0\r\nc=IN IP6 2001:db8::1\r\n")
    assert description.connection == Connection.of("2001:db8::1") == Connection("IP6", "2001:db8::1")


@pytest.mark.parametrize(("address", "expected"), [("0.0.0.0", True), ("::", True), ("192.0.2.1", False)])
def test_unspecified_address_is_known(address: str, expected: bool) -> None:
    assert Connection.of(address).is_unspecified is expected


@pytest.mark.parametrize(
    ("session", "section", "expected"),
    [
        (b"", b"", "sendrecv"),
        (b"a=sendonly\r\n", b"", "sendonly"),
        (b"a=sendonly\r\n", b"a=recvonly\r\n", "recvonly"),
        (b"", b"a=inactive\r\n", "inactive"),
        (b"a=inactive\r\n", b"a=sendrecv\r\n", "sendrecv"),
    ],
)
def test_direction_is_that_of_the_section_else_of_the_session(
    session: bytes, section: bytes, expected: str
) -> None:
    head = b"v=0\r\n" + session
    description = SessionDescription.parse(head + b"m=audio 1 RTP/AVP 0\r\n" + section)
    assert description.direction_of(description.media[0]) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [(b"20", 20), (b"20.0", 20), (b"30 ms", 30), (b"0", None), (b"x", None), (b"", None)],
)
def test_ptime_of_the_field_is_read(line: bytes, expected: int | None) -> None:
    assert (
        media(b"m=audio 1 RTP/AVP 0\r\na=ptime:" + line + b"\r\na=maxptime:" + line + b"\r\n").ptime
        == expected
    )


def test_behind_the_last_port_there_is_none_for_reports() -> None:
    assert media(b"m=audio 65535 RTP/AVP 0\r\n").rtcp_port == 0
    assert media(b"m=audio 65535 RTP/AVP 0\r\na=rtcp:7\r\n").rtcp_port == 7


def test_malformed_attributes_are_passed_over() -> None:
    section = media(
        b"m=audio 1 RTP/AVP 0 96 97 98 99 abc 9999\r\n"
        b"a=rtpmap:96\r\na=rtpmap:x PCMU/8000\r\na=rtpmap:97 NoRate\r\n"
        b"a=rtpmap:98 L16/44100/2\r\na=rtpmap:99 a/b\r\na=fmtp:zz 1\r\n"
        b"a=fmtp\r\na=rtcp:no\r\na\r\nnonsense\r\n=\r\n"
    )
    assert section.rtpmap() == {0: RtpMap("PCMU", 8000), 98: RtpMap("L16", 44100, 2)}
    assert section.fmtp() == {}
    assert section.rtcp_port == 2


def test_static_payload_type_that_is_renamed_is_what_it_is_named() -> None:
    assert media(b"m=audio 1 RTP/AVP 9\r\na=rtpmap:9 G722/8000\r\n").rtpmap() == {9: RtpMap("G722", 8000)}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n",
        b"hello",
        b"v=1\r\n",
        b"o=x\r\nv=0\r\n",
        b"v=0\r\nm=audio\r\n",
        b"v=0\r\nm=audio 1\r\n",
        b"v=0\r\nm=audio x RTP/AVP 0\r\n",
        b"v=0\r\nm=audio 65536 RTP/AVP 0\r\n",
        b"v=0\r\nm=audio -1 RTP/AVP 0\r\n",
        b"v=0\r\nc=IN IP4\r\n",
        b"v=0\r\nc=IN IPX 1\r\n",
        b"v=0\r\nc=IN IP4 /127\r\n",
        b"v=0\r\n" + b"m=audio 1 RTP/AVP 0\r\n" * 33,
        b"v=0\r\n" + b"a=x\r\n" * 2000,
        b"v=0\r\n" + b"a" * 65536,
    ],
)
def test_unreadable_description_is_refused(data: bytes) -> None:
    with pytest.raises(SdpError):
        SessionDescription.parse(data)


@pytest.mark.parametrize(
    "description",
    [
        SessionDescription(name="a\r\nm=audio 1 RTP/AVP 0"),
        SessionDescription(attributes=(("x", "a\nb"),)),
        SessionDescription(connection=Connection("IP4", "1\r2")),
    ],
)
def test_line_end_in_a_value_is_never_written(description: SessionDescription) -> None:
    with pytest.raises(SdpError):
        description.serialise()


def read_all(data: bytes) -> None:
    try:
        description = SessionDescription.parse(data)
    except SdpError:
        return
    for section in description.media:
        _ = section.rtpmap(), section.fmtp(), section.ptime, section.maxptime, section.rtcp_port
        description.direction_of(section)
    assert SessionDescription.parse(description.serialise()) == description


LINES = [
    *OFFER.split(b"\r\n"),
    b"m=audio 0 RTP/SAVP 0",
    b"c=IN IP6 ::1",
    b"a=rtpmap:0 PCMU/8000",
    b"a=",
    b"a=:",
    b"m=",
    b"o=",
    b"t=",
    b"s=",
    b"v=0",
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(LINES) | st.binary(max_size=30), max_size=20).map(b"\r\n".join))
def test_nothing_but_sdp_errors_comes_out_of_any_body(data: bytes) -> None:
    read_all(data)
    read_all(b"v=0\r\n" + data)


@pytest.mark.parametrize(
    "line",
    [
        b"a=rtpmap:1 " + b"/" * 60000,
        b"m=audio 1 RTP/AVP " + b"1 " * 30000,
        b"a=" + b":" * 60000,
        b"o=" + b" x" * 30000,
    ],
)
def test_hostile_line_costs_little_time(line: bytes) -> None:
    started = time.process_time()
    read_all(b"v=0\r\nm=audio 1 RTP/AVP 0\r\n" + line)
    assert time.process_time() - started < 0.3
