"""What a browser offers is answered as a browser needs it, or refused in words."""

from __future__ import annotations

import pytest

from gateway.browser_calls.description import BrowserDescription, check_offer
from gateway.browser_calls.errors import DescriptionError, DescriptionNotAcceptableError
from media.messages import LegCreated
from sip.sdp import SessionDescription
from tests.gateway.browser_calls.scene import PASSWORD, UFRAG, offer_of
from tests.gateway.doubles import FINGERPRINT

LEG = LegCreated(leg_id="c", port=20000, rtcp_port=20001, dtls_fingerprint=FINGERPRINT)
NEW = f"a=ice-ufrag:other\r\na=ice-pwd:{'q' * 24}\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n".encode()
CANDIDATE = (
    f"a=ice-ufrag:{UFRAG}\r\na=ice-pwd:{PASSWORD}\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n"
    "a=candidate:1 1 udp 2122260223 0f2ad8a8-77ae.local 51000 typ host\r\n"
).encode()


def described(offer: bytes | None = None, *hosts: str) -> BrowserDescription:
    return BrowserDescription(offer or offer_of(), LEG, hosts or ("192.0.2.1",))


def test_the_answer_has_all_that_a_browser_asks_for() -> None:
    made = described()
    answer = SessionDescription.parse(made.answer)
    (audio,) = answer.media
    assert ("ice-lite", None) in answer.attributes
    assert ("group", "BUNDLE 0") in answer.attributes
    assert (audio.port, audio.protocol, audio.formats) == (20000, "UDP/TLS/RTP/SAVPF", ("111", "110"))
    assert audio.attribute("mid") == "0"
    assert audio.attribute("rtcp-mux") == ""
    assert audio.attribute("setup") == "passive"
    assert audio.attribute("fingerprint") == f"sha-256 {FINGERPRINT}"
    assert audio.attribute("candidate") == "1 1 UDP 2130706431 192.0.2.1 20000 typ host"
    assert "useinbandfec=1" in audio.fmtp()[111]
    assert audio.attribute("extmap") is None, "header extensions are not taken"
    assert (made.parameters.codec, made.parameters.sample_rate) == ("OPUS", 16000)


def test_every_address_of_ours_is_a_candidate_the_best_first() -> None:
    answer = SessionDescription.parse(described(None, "192.0.2.1", "2001:db8::1").answer)
    candidates = [value for name, value in answer.media[0].attributes if name == "candidate"]
    assert candidates == [
        "1 1 UDP 2130706431 192.0.2.1 20000 typ host",
        "2 1 UDP 2130706175 2001:db8::1 20000 typ host",
    ]


def test_a_browser_without_opus_gets_g711() -> None:
    made = described(offer_of(codecs="a=rtpmap:0 PCMU/8000\r\n", formats="0 110"))
    assert made.parameters.codec == "PCMU"


def test_streams_that_we_do_not_take_are_refused_in_their_places() -> None:
    video = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\n"
    data = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\n"
    answer = SessionDescription.parse(described(offer_of(extra=video + data)).answer)
    assert [(section.kind, section.port) for section in answer.media] == [
        ("audio", 20000),
        ("video", 0),
        ("application", 0),
    ]


@pytest.mark.parametrize("offer", [b"", b"hello", b"v=0\r\nm=audio nine RTP/AVP 0\r\n", b"\xff" * 70_000])
def test_what_is_no_description_is_called_so(offer: bytes) -> None:
    with pytest.raises(DescriptionError):
        check_offer(offer)


FINGERPRINT_LINES = f"a=fingerprint:sha-256 {FINGERPRINT}\r\na=setup:actpass\r\n"
ICE_LINES = f"a=ice-ufrag:{UFRAG}\r\na=ice-pwd:{PASSWORD}\r\n"


@pytest.mark.parametrize(
    "offer",
    [
        offer_of(transport=ICE_LINES + "a=rtcp-mux\r\n"),
        offer_of(transport=FINGERPRINT_LINES + "a=rtcp-mux\r\n"),
        offer_of(transport=ICE_LINES + FINGERPRINT_LINES),
        offer_of(codecs="a=rtpmap:111 ilbc/8000\r\n", formats="111"),
        offer_of().replace(b"m=audio", b"m=video"),
        offer_of().replace(b"a=group", b"a=ice-lite\r\na=group"),
    ],
    ids=["no certificate", "no ICE", "no rtcp-mux", "no codec", "no audio", "another lite agent"],
)
def test_an_offer_of_which_no_call_can_come_is_refused(offer: bytes) -> None:
    with pytest.raises(DescriptionNotAcceptableError):
        check_offer(offer)


def test_candidates_change_nothing() -> None:
    made = described()
    before = made.etag, made.parameters
    assert made.take_fragment(CANDIDATE, restarts=False) is None
    assert made.take_fragment(b"a=end-of-candidates\r\n", restarts=False) is None
    assert (made.etag, made.parameters) == before


def test_new_credentials_begin_ice_anew_and_nothing_else() -> None:
    made = described()
    etag, before = made.etag, made.parameters
    restart = made.take_fragment(NEW, restarts=True)
    assert restart is not None
    assert before.ice is not None
    assert restart.parameters.ice is not None
    assert restart.parameters.ice.remote.ufrag == "other"
    assert restart.parameters.ice.local.ufrag != before.ice.local.ufrag
    assert restart.parameters.dtls == before.dtls, "the handshake would begin anew"
    assert made.etag != etag
    fragment = restart.fragment.decode()
    assert f"a=ice-ufrag:{restart.parameters.ice.local.ufrag}\r\n" in fragment
    assert f"a=ice-pwd:{restart.parameters.ice.local.password}\r\n" in fragment
    assert "a=candidate:1 1 UDP 2130706431 192.0.2.1 20000 typ host\r\n" in fragment
    assert "a=mid:0\r\n" in fragment


def test_new_credentials_need_a_restart_and_a_restart_new_credentials() -> None:
    made = described()
    with pytest.raises(DescriptionNotAcceptableError):
        made.take_fragment(NEW, restarts=False)
    for fragment in (CANDIDATE, b"a=end-of-candidates\r\n"):
        with pytest.raises(DescriptionNotAcceptableError):
            made.take_fragment(fragment, restarts=True)


@pytest.mark.parametrize(
    "fragment",
    [b"", b"hello", b"a=ice-ufrag:abcd\r\n", b"a=ice-ufrag:a\r\na=ice-pwd:b\r\n", b"a=x\r\n" * 9000],
)
def test_what_is_no_fragment_is_called_so(fragment: bytes) -> None:
    with pytest.raises(DescriptionError):
        described().take_fragment(fragment, restarts=False)
