"""Encryption of one leg's RTP and RTCP: SRTP (RFC 3711) with AES-CM and HMAC-SHA1, or AES-GCM (RFC 7714).

Two halves that know nothing of each other, since each direction has a key of its own and may get another one
without the other. libsrtp does the arithmetic: key derivation, the rollover counter, replay protection.
"""

from __future__ import annotations

from pylibsrtp import Error, Policy, Session

from media.messages import SrtpSuite

_PROFILES = {
    SrtpSuite.AEAD_AES_256_GCM: Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
    SrtpSuite.AEAD_AES_128_GCM: Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    SrtpSuite.AES_CM_128_HMAC_SHA1_80: Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    SrtpSuite.AES_CM_128_HMAC_SHA1_32: Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
}
# Packets that came so far behind the newest are still told from replays: 2.5 s of 20 ms packets.
REPLAY_WINDOW_PACKETS = 128


class SrtpError(Exception):
    """A packet could not be protected, or is not what it claims to be."""


class SrtpProtector:
    """Our half: makes SRTP of RTP, for any SSRC."""

    __slots__ = ("_session",)

    def __init__(self, suite: SrtpSuite, key: bytes) -> None:
        """`key`: master key and salt, one behind the other (RFC 4568, section 6.1). Raises `ValueError` when
        it has not the length of the suite's.
        """
        self._session = _session(suite, key, Policy.SSRC_ANY_OUTBOUND)

    def protect(self, packet: bytes) -> bytes:
        """Raises `SrtpError`: the key is used up, or a sequence number was used before."""
        try:
            return self._session.protect(packet)
        except (Error, ValueError) as error:
            raise SrtpError(str(error)) from error

    def protect_rtcp(self, packet: bytes) -> bytes:
        """The same for a compound RTCP packet."""
        try:
            return self._session.protect_rtcp(packet)
        except (Error, ValueError) as error:
            raise SrtpError(str(error)) from error


class SrtpUnprotector:
    """The far party's half: makes RTP of SRTP and refuses what was changed, made up, or sent before."""

    __slots__ = ("_session", "replayed", "undecryptable")

    def __init__(self, suite: SrtpSuite, key: bytes) -> None:
        """See `SrtpProtector`."""
        self._session = _session(suite, key, Policy.SSRC_ANY_INBOUND)
        self.replayed = 0  # packets that came a second time
        self.undecryptable = 0  # packets of another key, or of none

    def unprotect(self, packet: bytes) -> bytes:
        """Raises `SrtpError`, and counts."""
        try:
            return self._session.unprotect(packet)
        except (Error, ValueError) as error:
            raise self._refused(error) from error

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        """The same for a compound RTCP packet."""
        try:
            return self._session.unprotect_rtcp(packet)
        except (Error, ValueError) as error:
            raise self._refused(error) from error

    def _refused(self, error: Exception) -> SrtpError:
        if "replay" in str(error):
            self.replayed += 1
        else:
            self.undecryptable += 1
        return SrtpError(str(error))


def _session(suite: SrtpSuite, key: bytes, ssrc_type: int) -> Session:
    if len(key) != suite.key_bytes:
        raise ValueError(f"{suite} has keys of {suite.key_bytes} bytes with their salt, not of {len(key)}")
    policy = Policy(key=key, ssrc_type=ssrc_type, srtp_profile=_PROFILES[suite])
    policy.window_size = REPLAY_WINDOW_PACKETS
    return Session(policy)
