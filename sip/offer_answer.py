"""Offer and answer for the audio of one call (RFC 3264; hold as in RFC 3264 8.4 and RFC 2543; rtcp-mux as in
RFC 5761).

`AudioSession` answers offers, makes offers, reads answers, and owns the o= line: its version grows by one
when what we say changes and never otherwise. It knows no sockets and no time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from sip.audio_codecs import (
    AudioCodec,
    answered_fmtp,
    codecs_named,
    rank,
)
from sip.audio_parameters import AudioParameters, LocalAudio
from sip.audio_snapshot import AudioSnapshot, SectionSnapshot
from sip.errors import NotAcceptableError, SdpError
from sip.media_grouping import bundle_group, identification
from sip.media_security import (
    NOT_ENCRYPTED,
    MediaSecurity,
    SecurityAgreement,
    names_encryption,
)
from sip.sdp import Attribute, Connection, MediaDescription, Origin, RtpMap, SessionDescription
from sip.sdp_security import PROFILES, IceCredentials, MediaEncryption

_TELEPHONE_EVENT = "TELEPHONE-EVENT"
_VOIP_METRICS = "voip-metrics"
# What RFC 4733 numbers 0-9, *, #, A-D and flash.
_EVENTS = "0-16"
_TELEPHONE_EVENT_PAYLOAD_TYPE = 101
# The port beside the address 0.0.0.0 of an ICE agent whose own address is not (yet) to be told (RFC 8840,
# section 4.1.1); browsers write so.
_NO_DEFAULT_CANDIDATE = 9

_HOST_PRIORITY = (126 << 24) + (65535 << 8) + 255  # of the first address, component 1

_REVERSED = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}


@dataclass(frozen=True)
class _Choice:
    """What two descriptions have in common for one m= section."""

    codec: AudioCodec
    payload_type: int
    telephone_event: tuple[int, int] | None  # payload type, clock rate
    fmtp: str  # the peer's format parameters of the codec
    security: SecurityAgreement = NOT_ENCRYPTED


@dataclass(frozen=True)
class _Payload:
    """One payload type as it is written."""

    number: int
    rtpmap: RtpMap
    name: str
    fmtp: str = ""


class AudioSession:
    """The offer/answer state of one call.

    A call is one audio stream; every other stream is refused by port 0 and keeps its place, since the number
    and order of m= lines never change within a call.
    """

    def __init__(self, local: LocalAudio, session_id: int) -> None:
        self._local = local
        self._security = MediaSecurity(
            local.encryption,
            local.keying,
            local.dtls_fingerprint,
            ice=local.ice,
            offer_ice=local.offer_ice,
        )
        self._session_id = session_id
        self._version = 0
        self._last_sent: SessionDescription | None = None
        self._offered: SessionDescription | None = None
        self._audio_index = 0
        self._current: AudioParameters | None = None
        self._holding = False
        self._group: tuple[Attribute, ...] = ()

    def hold(self, held: bool) -> None:
        """Whether we hold the peer: from now on we neither offer nor answer to hear it."""
        self._holding = held

    def for_another_dialog(self, session_id: int) -> AudioSession:
        """A fresh one for the same end of ours: another party takes the call over, with its own offer, keys
        and numbers. Whether we hold it stays.
        """
        other = AudioSession(self._local, session_id)
        other._holding = self._holding
        return other

    @property
    def current(self) -> AudioParameters | None:
        """What is agreed now; None before the first answer."""
        return self._current

    def answer(self, offer: bytes) -> tuple[bytes, AudioParameters]:
        """Answer an offer, first or later: the description to send and what it means for the media.

        Raises SdpError (400) when it cannot be read and NotAcceptableError (488) when it shares nothing with
        us; then everything stays as it was.
        """
        remote = SessionDescription.parse(offer)
        index, choice = self._select(remote)
        parameters = self._agree(remote, remote.media[index], choice, remote.media[index].rtcp_mux)
        self._security.settle(choice.security, remote.media[index].protocol)
        answered = self._answer_section(remote.media[index], choice, parameters)
        sections = [answered if at == index else _refused(section) for at, section in enumerate(remote.media)]
        self._group = bundle_group(remote, remote.media[index])
        body = self._send(tuple(sections), remote.times)
        self._audio_index = index
        self._offered = None
        self._current = parameters
        return body, parameters

    def offer(self, direction: str | None = None) -> bytes:
        """An offer with all our codecs, the one in use first; it keeps the payload types and m= lines of the
        call.

        `direction` is what we want, by default "sendrecv", or "sendonly" while we hold the peer.
        """
        audio = self._offer_section(direction or ("sendonly" if self._holding else "sendrecv"))
        times: tuple[str, ...] = ("0 0",)
        sections = [audio]
        if self._last_sent is not None:
            times = self._last_sent.times
            sections = [
                audio if at == self._audio_index else _refused(section)
                for at, section in enumerate(self._last_sent.media)
            ]
        body = self._send(tuple(sections), times)
        self._offered = self._last_sent
        return body

    def accept_answer(self, answer: bytes) -> AudioParameters:
        """Read the answer to our offer. An answer repeated (in a 200 after a reliable 183) may be read again.

        Raises SdpError when it cannot be read or answers nothing, NotAcceptableError when it refuses the
        audio.
        """
        offered = self._offered
        if offered is None:
            raise SdpError("an answer without an offer")
        remote = SessionDescription.parse(answer)
        if self._audio_index >= len(remote.media):
            raise SdpError("the answer lacks the m= line of the audio")
        section = remote.media[self._audio_index]
        if section.port == 0 or section.kind.lower() != "audio":
            raise NotAcceptableError("the answer refuses the audio")
        ours = offered.media[self._audio_index]
        choice = self._choose(section, ours)
        if choice is None:
            raise NotAcceptableError("the answer names no codec that we offered")
        security = self._security.accept(remote, section, ours)
        choice = replace(choice, security=security)
        parameters = self._agree(remote, section, choice, ours.rtcp_mux and section.rtcp_mux)
        self._security.settle(security, ours.protocol)
        self._current = parameters
        return parameters

    def withdraw_offer(self) -> None:
        """Our offer was refused (491, 488): what was agreed before stays in force."""
        self._offered = None

    def snapshot(self) -> AudioSnapshot | None:
        """What another process needs to go on with the session; None before the first answer."""
        current, sent = self._current, self._last_sent
        if current is None or sent is None:
            return None
        return AudioSnapshot(
            session_id=self._session_id,
            version=self._version,
            times=sent.times,
            sections=tuple(
                SectionSnapshot(section.kind, section.protocol, section.formats, identification(section))
                for section in sent.media
            ),
            audio_index=self._audio_index,
            group=self._group,
            codec=current.codec,
            clock_rate=current.clock_rate,
            sample_rate=current.sample_rate,
            payload_type=current.payload_type,
            fmtp=current.fmtp,
            telephone_event=current.telephone_event_payload_type,
            telephone_event_clock_rate=current.telephone_event_clock_rate,
            ptime_ms=current.ptime_ms,
            rtcp_mux=current.rtcp_mux,
            remote_host=current.remote_host,
            remote_port=current.remote_port,
            remote_rtcp_port=current.remote_rtcp_port,
            suite=None if current.sdes is None else current.sdes.suite,
            dtls=current.dtls is not None,
        )

    # Choosing

    def _select(self, remote: SessionDescription) -> tuple[int, _Choice]:
        """The m= section to accept: the one in use when it still will do, else the first that will."""
        if not any(section.kind.lower() == "audio" for section in remote.media):
            raise NotAcceptableError("the offer has no audio")
        order = list(range(len(remote.media)))
        # Of two that offer the same audio the encrypted one.
        order.sort(key=lambda index: not names_encryption(remote, remote.media[index]))
        if self._current is not None and self._audio_index < len(order):
            order.remove(self._audio_index)
            order.insert(0, self._audio_index)
        refused = False
        for index in order:
            section = remote.media[index]
            if section.kind.lower() == "audio" and section.port and section.protocol.upper() in PROFILES:
                choice = self._choose(section, None)
                security = self._security.answer(remote, section)
                if choice is not None and security is not None:
                    return index, replace(choice, security=security)
                refused = refused or choice is not None
        if refused:
            raise NotAcceptableError(self._why_not_secure())
        raise NotAcceptableError("the offer has no RTP audio in a codec we support")

    def _why_not_secure(self) -> str:
        if self._local.encryption is MediaEncryption.REQUIRE:
            return (
                "the media has to be encrypted, and the offer has no SRTP key or certificate that we can use"
            )
        if self._local.encryption is MediaEncryption.DISABLE:
            return "the offer wants SRTP, and media encryption is disabled here"
        return "the offer wants SRTP, but has no key or certificate that we can use"

    def _choose(self, section: MediaDescription, offered: MediaDescription | None) -> _Choice | None:
        """What the peer has that we rank highest; of an answer to our offer, what stands first in it.

        `offered` is our offer when `section` answers one: its payload types name what the answer leaves
        unnamed.
        """
        known = section.rtpmap()
        if offered is not None:
            ours = offered.rtpmap()
            for number in section.payload_types():
                if number not in known and number in ours:
                    known[number] = ours[number]
        ordered = [(number, known[number]) for number in section.payload_types() if number in known]
        codecs = codecs_named(self._local.codecs)
        common = [
            (number, entry, codec) for number, entry in ordered for codec in codecs if codec.is_called(entry)
        ]
        if not common:
            return None
        if offered is None:
            common.sort(key=lambda candidate: rank(candidate[2], codecs))
        number, entry, codec = common[0]
        return _Choice(
            codec,
            _offerers_number(number, entry, offered),
            self._choose_event(ordered, entry, offered),
            section.fmtp().get(number, ""),
        )

    def _choose_event(
        self, ordered: list[tuple[int, RtpMap]], codec: RtpMap, offered: MediaDescription | None
    ) -> tuple[int, int] | None:
        """Telephone events run on the codec's clock (RFC 4733 2.1), or else on whatever clock there is."""
        if not self._local.telephone_event:
            return None
        events = [(number, entry) for number, entry in ordered if entry.encoding == _TELEPHONE_EVENT]
        if not events:
            return None
        matching = [event for event in events if event[1].clock_rate == codec.clock_rate]
        number, entry = (matching or events)[0]
        return _offerers_number(number, entry, offered), entry.clock_rate

    def _agree(
        self, remote: SessionDescription, section: MediaDescription, choice: _Choice, mux: bool
    ) -> AudioParameters:
        connection = remote.connection_of(section)
        theirs = remote.direction_of(section)
        by_ice_alone = choice.security.ice is not None and section.port == _NO_DEFAULT_CANDIDATE
        if connection.is_unspecified and not by_ice_alone:
            # RFC 3264 8.4: the old way to say "I do not listen".
            theirs = {"sendrecv": "sendonly", "recvonly": "inactive"}.get(theirs, theirs)
        ours = _REVERSED[theirs]
        if self._holding:
            ours = {"sendrecv": "sendonly", "recvonly": "inactive"}.get(ours, ours)
        mux = mux and self._local.rtcp_mux
        event = choice.telephone_event
        return AudioParameters(
            remote_host=connection.address,
            remote_port=section.port,
            remote_rtcp_port=section.port if mux else section.rtcp_port,
            codec=choice.codec.key,
            clock_rate=choice.codec.clock_rate,
            payload_type=choice.payload_type,
            telephone_event_payload_type=None if event is None else event[0],
            telephone_event_clock_rate=choice.codec.clock_rate if event is None else event[1],
            ptime_ms=self._ptime(section, choice.codec),
            direction=ours,
            rtcp_mux=mux,
            on_hold=theirs in ("sendonly", "inactive"),
            sample_rate=choice.codec.sample_rate,
            fmtp=choice.fmtp,
            rtcp_xr=_wants_metrics(remote, section),
            sdes=choice.security.sdes,
            dtls=choice.security.dtls,
            ice=choice.security.ice,
        )

    def _ptime(self, section: MediaDescription, codec: AudioCodec) -> int:
        """What the peer asks for when we can send it, else our own, and never more than it takes."""
        possible = codec.ptimes_ms
        wanted = section.ptime
        chosen = wanted if wanted in possible else self._local.ptime_ms
        limit = section.maxptime
        if limit is not None and chosen > limit:
            chosen = max((ptime for ptime in possible if ptime <= limit), default=possible[0])
        return chosen

    # Writing

    def _answer_section(
        self, offered: MediaDescription, choice: _Choice, parameters: AudioParameters
    ) -> MediaDescription:
        codec = choice.codec
        payloads = [
            _Payload(choice.payload_type, codec.rtpmap, codec.name, answered_fmtp(codec, choice.fmtp))
        ]
        if choice.telephone_event is not None:
            payloads.append(_event(*choice.telephone_event))
        return self._section(
            offered.kind,
            offered.protocol,
            payloads,
            parameters.ptime_ms,
            parameters.direction,
            parameters.rtcp_mux,
            (
                *((("rtcp-xr", _VOIP_METRICS),) if parameters.rtcp_xr else ()),
                *choice.security.attributes,
                *_ice_attributes(choice.security.ice_of_ours, parameters.rtcp_mux, self._local),
                *identification(offered),
            ),
        )

    def _offer_section(self, direction: str) -> MediaDescription:
        current = self._current
        codecs = codecs_named(self._local.codecs)
        event_number = _TELEPHONE_EVENT_PAYLOAD_TYPE
        mux = False
        ptime_ms = self._local.ptime_ms
        taken: set[int] = set()
        payloads: list[_Payload] = []
        if current is not None:
            in_use = next(
                codec for codec in codecs_named((current.codec,)) if codec.clock_rate == current.clock_rate
            )
            payloads.append(_Payload(current.payload_type, in_use.rtpmap, in_use.name, in_use.fmtp))
            codecs = [codec for codec in codecs if codec != in_use]
            event_number = current.telephone_event_payload_type or event_number
            taken = {current.payload_type, event_number}
            mux = current.rtcp_mux
            ptime_ms = current.ptime_ms
        for codec in codecs:
            number = _free(codec.payload_type, taken)
            payloads.append(_Payload(number, codec.rtpmap, codec.name, codec.fmtp))
        if self._local.telephone_event:
            taken.discard(event_number if current is not None else -1)
            for clock_rate in dict.fromkeys(payload.rtpmap.clock_rate for payload in payloads):
                event_number = _free(event_number, taken)
                payloads.append(_event(event_number, clock_rate))
        profile, security = self._security.offer()
        if current is None and any(name == "fingerprint" for name, _ in security):
            mux = self._local.rtcp_mux  # one handshake for both, instead of one for each port
        named = () if self._last_sent is None else identification(self._last_sent.media[self._audio_index])
        security = (*security, *_ice_attributes(self._security.ice, mux, self._local), *named)
        return self._section("audio", profile, payloads, ptime_ms, direction, mux, security)

    def _section(
        self,
        kind: str,
        protocol: str,
        payloads: list[_Payload],
        ptime_ms: int,
        direction: str,
        mux: bool,
        security: tuple[Attribute, ...],
    ) -> MediaDescription:
        attributes: list[Attribute] = []
        for payload in payloads:
            entry = payload.rtpmap
            channels = f"/{entry.channels}" if entry.channels > 1 else ""
            attributes.append(("rtpmap", f"{payload.number} {payload.name}/{entry.clock_rate}{channels}"))
            if payload.fmtp:
                attributes.append(("fmtp", f"{payload.number} {payload.fmtp}"))
        attributes += [("ptime", str(ptime_ms)), (direction, None)]
        if mux:
            attributes.append(("rtcp-mux", None))
        elif self._local.rtcp_port != self._local.port + 1:
            attributes.append(("rtcp", str(self._local.rtcp_port)))
        attributes += security
        formats = tuple(str(payload.number) for payload in payloads)
        return MediaDescription(kind, self._local.port, protocol, formats, None, tuple(attributes))

    def _send(self, media: tuple[MediaDescription, ...], times: tuple[str, ...]) -> bytes:
        """Put the session lines around `media`; the version grows when anything differs from our last."""
        connection = Connection.of(self._local.host)
        version = max(self._version, 1)
        origin = Origin("-", str(self._session_id), str(version), connection.address_type, connection.address)
        lite: tuple[Attribute, ...] = (("ice-lite", None),) if self._security.uses_ice else ()
        session = (*lite, *self._group)
        description = SessionDescription(origin, "-", connection, times, session, media)
        if self._last_sent is not None and description != self._last_sent:
            version += 1
            origin = msgspec.structs.replace(origin, session_version=str(version))
            description = msgspec.structs.replace(description, origin=origin)
        self._version = version
        self._last_sent = description
        return description.serialise()


def _offerers_number(number: int, entry: RtpMap, offered: MediaDescription | None) -> int:
    """The payload type of `entry` in the offer: the offerer's number is used both ways (RFC 3264 5.1)."""
    if offered is None:
        return number
    ours = offered.rtpmap()
    if ours.get(number) == entry:
        return number
    return next((candidate for candidate, known in ours.items() if known == entry), number)


def _wants_metrics(remote: SessionDescription, section: MediaDescription) -> bool:
    """Whether VoIP metrics are asked for, for this stream or for all (RFC 3611, section 5.1)."""
    return any(
        name == "rtcp-xr" and value is not None and _VOIP_METRICS in value.split()
        for name, value in (*section.attributes, *remote.attributes)
    )


def _ice_attributes(ice: IceCredentials | None, rtcp_mux: bool, local: LocalAudio) -> tuple[Attribute, ...]:
    """Our half of ICE (RFC 8839): a lite agent has host candidates only, one of each address for each port in
    use.
    """
    if ice is None:
        return ()
    candidates = []
    # The local preference falls from one address to the next (RFC 8445, section 5.1.2.1).
    for at, host in enumerate((local.host, *local.more_hosts)):
        priority = _HOST_PRIORITY - (at << 8)
        candidates.append(("candidate", f"{at + 1} 1 UDP {priority} {host} {local.port} typ host"))
        if not rtcp_mux:
            line = f"{at + 1} 2 UDP {priority - 1} {host} {local.rtcp_port} typ host"
            candidates.append(("candidate", line))
    return (("ice-ufrag", ice.ufrag), ("ice-pwd", ice.password), *candidates)


def _event(number: int, clock_rate: int) -> _Payload:
    return _Payload(number, RtpMap(_TELEPHONE_EVENT, clock_rate), "telephone-event", _EVENTS)


def _free(number: int, taken: set[int]) -> int:
    """The first payload type from `number` on that is not taken, and takes it. Static ones stand firm."""
    while number >= 96 and number in taken:
        number = number + 1 if number < 127 else 96
    taken.add(number)
    return number


def _refused(section: MediaDescription) -> MediaDescription:
    """A stream that we do not take: its place in the order, port 0, the formats that the grammar wants."""
    named = tuple(attribute for attribute in identification(section) if attribute[0] == "mid")
    return MediaDescription(section.kind, 0, section.protocol, section.formats, None, named)
