"""A session description: read, written again, answered, and taken as the answer to an offer of ours."""

from __future__ import annotations

from contextlib import suppress

from sip.audio_parameters import LocalAudio
from sip.errors import NotAcceptableError, SdpError
from sip.offer_answer import AudioSession
from sip.sdp import SessionDescription
from sip.sdp_security import MediaEncryption

LOCAL = LocalAudio(
    host="203.0.113.1",
    port=40000,
    rtcp_port=40001,
    codecs=("OPUS", "G722", "PCMU", "PCMA", "L16"),
    encryption=MediaEncryption.ALLOW,
    dtls_fingerprint=":".join(["AB"] * 32),
    ice=True,
)


def fuzz(data: bytes) -> None:
    try:
        description = SessionDescription.parse(data)
    except SdpError:
        return
    written = description.serialise()
    assert SessionDescription.parse(written).serialise() == written
    for section in description.media:
        section.rtpmap(), section.fmtp(), section.ptime, section.maxptime, section.rtcp_port
    callee = AudioSession(LOCAL, 1)
    with suppress(SdpError, NotAcceptableError):
        answer, parameters = callee.answer(data)
        assert 0 < parameters.ptime_ms <= 60
        assert len(SessionDescription.parse(answer).media) == len(description.media)
        # The same once more is a refresh: it may change nothing.
        assert callee.answer(data)[0] == answer
    caller = AudioSession(LOCAL, 2)
    caller.offer()
    with suppress(SdpError, NotAcceptableError):
        caller.accept_answer(data)
