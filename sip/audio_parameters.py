"""The two ends of one call's audio: what we announce of ours, and what was agreed with the far party."""

from __future__ import annotations

from dataclasses import dataclass

from sip.audio_codecs import NARROW_BAND_HZ
from sip.media_security import DtlsPeer, IcePair, SdesKeys
from sip.sdp_security import MediaEncryption, SrtpKeying


@dataclass(frozen=True)
class LocalAudio:
    """Our end. `host` is the address we announce; `codecs` are names in order of preference.

    The order decides what an offer is answered with, except between the two laws of G.711: they sound and
    cost the same, so that the peer's order decides and it need not transcode.
    """

    host: str
    port: int
    rtcp_port: int
    codecs: tuple[str, ...] = ("PCMU", "PCMA")
    telephone_event: bool = True
    ptime_ms: int = 20
    rtcp_mux: bool = True
    encryption: MediaEncryption = MediaEncryption.DISABLE
    keying: SrtpKeying = SrtpKeying.SDES
    dtls_fingerprint: str = ""  # SHA-256 of our certificate; empty when there is none
    ice: bool = False  # whether a far party that asks for ICE gets it (we are its lite half)
    offer_ice: bool = False  # whether we ask for it ourselves
    more_hosts: tuple[str, ...] = ()  # candidates beside `host`, in order of preference


@dataclass(frozen=True)
class AudioParameters:
    """What was agreed. `direction` is ours; `on_hold` says that the peer does not listen.

    `payload_type` and `telephone_event_payload_type` are used both ways; `ptime_ms` is what we send.
    `sample_rate` is that of the codec's audio (Hz), which is not always its RTP clock; `fmtp` holds the
    codec's format parameters as the peer wrote them: how it wants to be sent to.
    """

    remote_host: str
    remote_port: int
    remote_rtcp_port: int
    codec: str
    clock_rate: int
    payload_type: int
    telephone_event_payload_type: int | None
    telephone_event_clock_rate: int
    ptime_ms: int
    direction: str
    rtcp_mux: bool
    on_hold: bool
    sample_rate: int = NARROW_BAND_HZ
    fmtp: str = ""
    rtcp_xr: bool = False  # the peer wants to know how we hear it (RFC 3611)
    sdes: SdesKeys | None = None
    dtls: DtlsPeer | None = None
    ice: IcePair | None = None

    @property
    def encrypted(self) -> bool:
        """Whether nothing but SRTP may pass."""
        return self.sdes is not None or self.dtls is not None
