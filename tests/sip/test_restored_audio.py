"""Audio that is offered anew by somebody else than who agreed on it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sip.audio_parameters import LocalAudio
from sip.audio_snapshot import AudioSnapshot
from sip.dialog_snapshot import SnapshotError
from sip.offer_answer import AudioSession
from sip.restored_audio import RestoredAudioSession
from sip.sdp import SessionDescription
from sip.sdp_security import MediaEncryption

OFFER = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n"
    b"m=video 6000 RTP/AVP 96\r\nm=audio 4000 RTP/AVP 8 100\r\na=rtpmap:100 telephone-event/8000\r\n"
)
KEY = b"inline:" + b"A" * 40
ENCRYPTED = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 " + KEY + b"\r\n"
)


def agreed(offer: bytes = OFFER, **local: Any) -> tuple[bytes, AudioSnapshot]:
    session = AudioSession(LocalAudio("192.0.2.1", 5000, 5001, **local), session_id=77)
    answer, _ = session.answer(offer)
    snapshot = session.snapshot()
    assert snapshot is not None
    return answer, msgspec.json.decode(msgspec.json.encode(snapshot), type=AudioSnapshot)


def test_the_session_goes_on_at_another_address_under_a_higher_version() -> None:
    _, snapshot = agreed()
    session = RestoredAudioSession(LocalAudio("192.0.2.2", 7000, 7001), snapshot)
    offer = SessionDescription.parse(session.offer())
    assert (offer.origin.session_id, offer.origin.session_version) == ("77", "2")
    assert [(section.kind, section.port) for section in offer.media] == [("video", 0), ("audio", 7000)]
    assert offer.media[1].formats[:1] == ("8",), "the codec in use stands first"
    assert "100" in offer.media[1].formats, "keys keep their payload type"
    answer = OFFER.replace(b"m=video 6000", b"m=video 0").replace(b"audio 4000", b"audio 4002")
    parameters = session.accept_answer(answer)
    assert (parameters.codec, parameters.remote_port, parameters.telephone_event_payload_type) == (
        "PCMA",
        4002,
        100,
    )


def test_no_key_is_in_a_snapshot_and_the_next_offer_has_a_new_one() -> None:
    answer, snapshot = agreed(ENCRYPTED, encryption=MediaEncryption.ALLOW)
    old = SessionDescription.parse(answer).media[0].attribute("crypto") or ""
    assert snapshot.suite == "AES_CM_128_HMAC_SHA1_80"
    assert b"inline" not in msgspec.json.encode(snapshot)
    local = LocalAudio("192.0.2.2", 7000, 7001, encryption=MediaEncryption.ALLOW)
    offer = SessionDescription.parse(RestoredAudioSession(local, snapshot).offer())
    assert offer.media[0].protocol == "RTP/SAVP"
    new = offer.media[0].attribute("crypto") or ""
    assert new.split()[1] == "AES_CM_128_HMAC_SHA1_80"
    assert new != old


def test_before_the_first_answer_there_is_nothing_to_go_on_with() -> None:
    session = AudioSession(LocalAudio("192.0.2.1", 5000, 5001), session_id=77)
    assert session.snapshot() is None
    session.offer()
    assert session.snapshot() is None


@pytest.mark.parametrize(
    "changes",
    [
        {"audio_index": 2},
        {"audio_index": -1},
        {"sections": ()},
        {"codec": "NONE"},
        {"clock_rate": 1},
        {"payload_type": 128},
        {"telephone_event": -1},
        {"suite": "NULL"},
        {"times": ("0 0\r\na=evil",)},
        {"group": (("group", "BUNDLE 0\r\na=evil"),)},
    ],
)
def test_what_makes_no_session_is_refused(changes: dict[str, Any]) -> None:
    _, snapshot = agreed()
    with pytest.raises(SnapshotError):
        RestoredAudioSession(
            LocalAudio("192.0.2.2", 7000, 7001), msgspec.structs.replace(snapshot, **changes)
        )
