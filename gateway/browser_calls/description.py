"""Offer and answer with a browser: audio only, always encrypted (DTLS-SRTP), always by ICE, one port for all.

A browser is asked for nothing again: what may change in mid-call is its network, and then it restarts ICE by
a fragment of a description (RFC 8840), which is answered by one.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

import msgspec

from gateway.browser_calls.errors import DescriptionError, DescriptionNotAcceptableError
from gateway.negotiated_media import new_session_id
from media.messages import LegCreated
from sip.audio_parameters import AudioParameters, LocalAudio
from sip.errors import NotAcceptableError, SdpError
from sip.offer_answer import AudioSession
from sip.sdp import Attribute, MediaDescription, SessionDescription
from sip.sdp_security import IceCredentials, MediaEncryption, SrtpKeying, ice_credentials

CODECS = ("OPUS", "PCMU", "PCMA")
# Two fragments may be under way at once; a page that sends more than these is not gathering candidates.
MAX_FRAGMENT_BYTES = 16 * 1024
_ICE_NAMES = ("ice-ufrag", "ice-pwd")
_ANYWHERE = LocalAudio(
    "192.0.2.1",
    9,
    9,
    codecs=CODECS,
    encryption=MediaEncryption.REQUIRE,
    keying=SrtpKeying.DTLS,
    dtls_fingerprint=":".join(["00"] * 32),
    ice=True,
)


def check_offer(offer: bytes) -> None:
    """Whether a call could come of it, before anything is made for one. Raises `DescriptionError` and
    `DescriptionNotAcceptableError`.
    """
    _answer(AudioSession(_ANYWHERE, session_id=1), offer)


@dataclass(frozen=True, slots=True)
class IceRestart:
    """A fragment that begins ICE anew, answered."""

    fragment: bytes
    parameters: AudioParameters


class BrowserDescription:
    """The descriptions of one call. `hosts`: what we announce as candidates, the best first."""

    def __init__(self, offer: bytes, leg: LegCreated, hosts: tuple[str, ...]) -> None:
        """Raises like `check_offer`."""
        local = replace(
            _ANYWHERE,
            host=hosts[0],
            more_hosts=hosts[1:],
            port=leg.port,
            rtcp_port=leg.rtcp_port,
            dtls_fingerprint=leg.dtls_fingerprint,
        )
        self._session = AudioSession(local, session_id=new_session_id())
        self._remote = SessionDescription.parse(offer)
        self.answer, self.parameters = _answer(self._session, offer)
        self._generation = 1
        self._tag = secrets.token_hex(4)

    @property
    def etag(self) -> str:
        """Names the ICE session; another one has another."""
        return f'"{self._tag}-{self._generation}"'

    def take_fragment(self, fragment: bytes, *, restarts: bool) -> IceRestart | None:
        """Candidates of the browser, or (`restarts`) new credentials, with which ICE begins anew; what it is
        answered with then. Raises `DescriptionError` and `DescriptionNotAcceptableError`.

        Candidates are not looked at: a lite agent waits for the checks, which come from all of them.
        """
        theirs = _fragment_credentials(fragment)
        known = self.parameters.ice is not None and theirs == self.parameters.ice.remote
        if not restarts:
            if theirs is not None and not known:
                raise DescriptionNotAcceptableError("New credentials of ICE come with If-Match: *.")
            return None
        if theirs is None or known:
            raise DescriptionNotAcceptableError("A restart of ICE has new credentials (ice-ufrag, ice-pwd).")
        self._remote = _with_credentials(self._remote, theirs)
        answer, self.parameters = _answer(self._session, self._remote.serialise())
        self._generation += 1
        return IceRestart(_as_fragment(SessionDescription.parse(answer)), self.parameters)


def _answer(session: AudioSession, offer: bytes) -> tuple[bytes, AudioParameters]:
    try:
        answer, parameters = session.answer(offer)
    except SdpError as error:
        raise DescriptionError(f"The offer is no session description: {error}.") from error
    except NotAcceptableError as error:
        raise DescriptionNotAcceptableError(f"No call can come of this offer: {error}.") from error
    if parameters.ice is None:
        raise DescriptionNotAcceptableError("The offer has no ICE of a full agent.")
    if parameters.dtls is None:
        raise DescriptionNotAcceptableError("The offer has no certificate for DTLS-SRTP.")
    if parameters.direction == "inactive":
        raise DescriptionNotAcceptableError("The offer has no audio in either direction (a=inactive).")
    if not parameters.rtcp_mux:
        raise DescriptionNotAcceptableError("RTCP has to go with the audio (a=rtcp-mux).")
    return answer, parameters


def _fragment_credentials(fragment: bytes) -> IceCredentials | None:
    """Whose the candidates are; None when the fragment does not say."""
    if len(fragment) > MAX_FRAGMENT_BYTES:
        raise DescriptionError("The fragment is too long.")
    lines = [line.strip() for line in fragment.decode("utf-8", "replace").splitlines() if line.strip()]
    if not lines or not all(line[1:2] == "=" for line in lines):
        raise DescriptionError("This is no fragment of a session description.")
    named: list[Attribute] = []
    for line in lines:
        name, colon, value = line[2:].partition(":")
        if line[0] == "a" and colon and name in _ICE_NAMES:
            named.append((name, value))
    if not named:
        return None
    theirs = ice_credentials(
        SessionDescription(attributes=tuple(named)), MediaDescription("audio", 9, "", ())
    )
    if theirs is None:
        raise DescriptionError("ice-ufrag and ice-pwd go together, and have their lengths (RFC 8839).")
    return theirs


def _with_credentials(remote: SessionDescription, theirs: IceCredentials) -> SessionDescription:
    """The browser's description as it would be had it offered again."""
    new: tuple[Attribute, ...] = (("ice-ufrag", theirs.ufrag), ("ice-pwd", theirs.password))
    media = tuple(
        msgspec.structs.replace(
            section, attributes=(*(pair for pair in section.attributes if pair[0] not in _ICE_NAMES), *new)
        )
        for section in remote.media
    )
    return msgspec.structs.replace(remote, media=media)


def _as_fragment(answer: SessionDescription) -> bytes:
    """Our side of the new ICE session (RFC 8840, section 9)."""
    section = next(section for section in answer.media if section.port)
    lines = ["a=ice-lite"]
    lines += [f"a={name}:{value}" for name, value in section.attributes if name in _ICE_NAMES]
    lines.append(f"m={section.kind} 9 {section.protocol} 0")
    lines += [
        f"a={name}:{value}" for name, value in section.attributes if name in ("mid", "candidate") and value
    ]
    lines.append("a=end-of-candidates")
    return "\r\n".join([*lines, ""]).encode()
