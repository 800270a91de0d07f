"""What must be known of the audio agreed in one call so that another process can offer it anew (RFC 3264
section 8): the `o=` line goes on, the m= lines keep their number and order, codecs keep their payload types.

Keys, fingerprints and ICE passwords are not in it: whoever goes on makes new ones, and the new offer tells
the peer of them.
"""

from __future__ import annotations

import msgspec

from sip.sdp import Attribute


class SectionSnapshot(msgspec.Struct, frozen=True):
    """An m= line of ours. `names` are the attributes that identify it (`mid`, `msid`)."""

    kind: str
    protocol: str
    formats: tuple[str, ...]
    names: tuple[Attribute, ...] = ()


class AudioSnapshot(msgspec.Struct, frozen=True):
    """An offer/answer session after its first answer. `suite` names the cipher of keys in the description,
    `dtls` says that the keys came from a handshake; neither: the audio is not encrypted.
    """

    session_id: int
    version: int
    times: tuple[str, ...]
    sections: tuple[SectionSnapshot, ...]
    audio_index: int
    group: tuple[Attribute, ...]
    codec: str
    clock_rate: int
    sample_rate: int
    payload_type: int
    fmtp: str
    telephone_event: int | None
    telephone_event_clock_rate: int
    ptime_ms: int
    rtcp_mux: bool
    remote_host: str
    remote_port: int
    remote_rtcp_port: int
    suite: str | None = None
    dtls: bool = False
