"""Between signalling and media: what we announce of a leg, and what the leg is told of the agreement."""

from __future__ import annotations

import secrets

from media.messages import (
    Direction,
    DtlsParameters,
    IceParameters,
    LegCreated,
    NegotiateLeg,
    SrtpKeys,
    SrtpSuite,
)
from routing.table import RoutedTrunk
from sip.audio_parameters import AudioParameters, LocalAudio
from sip.sdp_security import MediaEncryption, SrtpKeying

DEFAULT_CODECS = ("PCMU", "PCMA")


def local_audio(
    host: str, leg: LegCreated, trunk: RoutedTrunk | None, *, offer_ice: bool = False
) -> LocalAudio:
    """Our end of a call over `trunk`; `host` is the address to announce for the leg. `offer_ice`: whether our
    offer asks for ICE.
    """
    if trunk is None:
        return LocalAudio(host=host, port=leg.port, rtcp_port=leg.rtcp_port, codecs=DEFAULT_CODECS, ice=True)
    return LocalAudio(
        host=host,
        port=leg.port,
        rtcp_port=leg.rtcp_port,
        codecs=trunk.codecs,
        encryption=MediaEncryption(trunk.media_encryption),
        keying=SrtpKeying(trunk.srtp_keying),
        dtls_fingerprint=leg.dtls_fingerprint,
        ice=True,
        offer_ice=offer_ice,
    )


def negotiate_leg(leg_id: str, audio: AudioParameters) -> NegotiateLeg:
    """The agreement as the media plane understands it."""
    sdes, dtls, ice = audio.sdes, audio.dtls, audio.ice
    return NegotiateLeg(
        leg_id=leg_id,
        remote_host=audio.remote_host,
        remote_port=audio.remote_port,
        remote_rtcp_port=audio.remote_rtcp_port,
        codec=audio.codec,
        clock_rate=audio.clock_rate,
        payload_type=audio.payload_type,
        telephone_event_payload_type=audio.telephone_event_payload_type,
        telephone_event_clock_rate=audio.telephone_event_clock_rate,
        ptime_ms=audio.ptime_ms,
        direction=Direction(audio.direction),
        rtcp_mux=audio.rtcp_mux,
        fmtp=audio.fmtp,
        rtcp_xr=audio.rtcp_xr,
        srtp=None
        if sdes is None
        else SrtpKeys(suite=SrtpSuite(sdes.suite), send=sdes.local, receive=sdes.remote),
        dtls=None if dtls is None else DtlsParameters(fingerprints=dtls.fingerprints, active=dtls.active),
        ice=None
        if ice is None
        else IceParameters(
            local_ufrag=ice.local.ufrag,
            local_password=ice.local.password,
            remote_ufrag=ice.remote.ufrag,
            remote_password=ice.remote.password,
        ),
    )


def new_session_id() -> int:
    """The session id of an `o=` line: random, and within the 63 bits that every peer can read (RFC 4566
    5.2).
    """
    return secrets.randbits(62) + 1


def encryption_of(audio: AudioParameters) -> str | None:
    """The encryption in words: a crypto suite, `DTLS-SRTP`, or None for media in the clear."""
    if audio.sdes is not None:
        return audio.sdes.suite
    return "DTLS-SRTP" if audio.dtls is not None else None
