"""An offer/answer session that goes on from a snapshot, with another address, other ports and new keys."""

from __future__ import annotations

from sip.audio_codecs import codecs_named
from sip.audio_parameters import AudioParameters, LocalAudio
from sip.audio_snapshot import AudioSnapshot, SectionSnapshot
from sip.dialog_snapshot import SnapshotError
from sip.media_security import DtlsPeer, SdesKeys, SecurityAgreement
from sip.offer_answer import AudioSession
from sip.sdp import Connection, MediaDescription, Origin, SessionDescription
from sip.sdp_security import PROFILES, SUITES

_MAXIMUM_SECTIONS = 64


class RestoredAudioSession(AudioSession):
    """Its first offer keeps the codec in use in the first place, and encrypts as the call did."""

    def __init__(self, local: LocalAudio, snapshot: AudioSnapshot) -> None:
        """Raises `SnapshotError`."""
        super().__init__(local, snapshot.session_id)
        _check(snapshot)
        agreement = _agreement(snapshot)
        connection = Connection.of(local.host)
        self._version = snapshot.version
        self._audio_index = snapshot.audio_index
        self._group = snapshot.group
        self._last_sent = SessionDescription(
            Origin(
                "-",
                str(snapshot.session_id),
                str(snapshot.version),
                connection.address_type,
                connection.address,
            ),
            "-",
            connection,
            snapshot.times,
            snapshot.group,
            tuple(
                MediaDescription(section.kind, 0, section.protocol, section.formats, None, section.names)
                for section in snapshot.sections
            ),
        )
        self._current = AudioParameters(
            remote_host=snapshot.remote_host,
            remote_port=snapshot.remote_port,
            remote_rtcp_port=snapshot.remote_rtcp_port,
            codec=snapshot.codec,
            clock_rate=snapshot.clock_rate,
            payload_type=snapshot.payload_type,
            telephone_event_payload_type=snapshot.telephone_event,
            telephone_event_clock_rate=snapshot.telephone_event_clock_rate,
            ptime_ms=snapshot.ptime_ms,
            direction="sendrecv",
            rtcp_mux=snapshot.rtcp_mux,
            on_hold=False,
            sample_rate=snapshot.sample_rate,
            fmtp=snapshot.fmtp,
        )
        self._security.settle(agreement, snapshot.sections[snapshot.audio_index].protocol)


def _agreement(snapshot: AudioSnapshot) -> SecurityAgreement:
    """How it was encrypted, with nothing of the keys."""
    if snapshot.suite is not None:
        return SecurityAgreement(sdes=SdesKeys(snapshot.suite, b"", b""))
    return SecurityAgreement(dtls=DtlsPeer((), active=False)) if snapshot.dtls else SecurityAgreement()


def _check(snapshot: AudioSnapshot) -> None:
    sections = snapshot.sections
    if not 0 <= snapshot.audio_index < len(sections) <= _MAXIMUM_SECTIONS:
        raise SnapshotError("the audio has no m= line")
    if not any(codec.clock_rate == snapshot.clock_rate for codec in codecs_named((snapshot.codec,))):
        raise SnapshotError("the codec is not known")
    numbers = (snapshot.payload_type, snapshot.telephone_event or 0)
    if not all(0 <= number <= 127 for number in numbers):
        raise SnapshotError("a payload type is out of range")
    if snapshot.suite is not None and snapshot.suite not in SUITES:
        raise SnapshotError("the crypto suite is not known")
    if sections[snapshot.audio_index].protocol.upper() not in PROFILES:
        raise SnapshotError("the profile is not known")
    if not _is_plain(snapshot):
        raise SnapshotError("there are characters that no line of a description has")


def _is_plain(snapshot: AudioSnapshot) -> bool:
    """A line break would let the snapshot write lines of its own."""
    texts = [*snapshot.times, *(value or "" for _, value in snapshot.group)]
    texts += [name for name, _ in snapshot.group]
    for section in snapshot.sections:
        texts += _texts_of(section)
    return all(text.isprintable() for text in texts)


def _texts_of(section: SectionSnapshot) -> list[str]:
    named = [text for name, value in section.names for text in (name, value or "")]
    return [section.kind, section.protocol, *section.formats, *named]
