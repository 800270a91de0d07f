"""The callers' half of SRTP (RFC 3711, keys by RFC 4568), outside the measured time: packets are encrypted
before the run and decrypted after it.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence

from pylibsrtp import Error, Policy, Session

SUITE = "AES_CM_128_HMAC_SHA1_80"
KEY_BYTES = 30  # key and salt


class CallerKeys:
    """One key for all callers of a run; each has a socket and a call of its own."""

    def __init__(self) -> None:
        self._key = os.urandom(KEY_BYTES)

    @property
    def crypto(self) -> str:
        """The value of the attribute in the offer."""
        return f"1 {SUITE} inline:{base64.b64encode(self._key).decode()}"

    def encrypt(self, packets: Sequence[bytes]) -> list[bytes]:
        """Consecutive packets of one stream."""
        session = _session(self._key, Policy.SSRC_ANY_OUTBOUND)
        return [session.protect(packet) for packet in packets]


def decrypt(packets: Sequence[bytes], answer: bytes) -> list[bytes | None]:
    """What the far party sent, by the key in its answer; None for what does not decrypt. Raises
    `ValueError` when the answer has no key: then the call is not encrypted.
    """
    session = _session(_answered_key(answer), Policy.SSRC_ANY_INBOUND)
    return [_decrypted(session, packet) for packet in packets]


def _decrypted(session: Session, packet: bytes) -> bytes | None:
    try:
        return session.unprotect(packet)
    except Error:
        return None


def _answered_key(answer: bytes) -> bytes:
    for line in answer.decode("ascii", "replace").splitlines():
        if line.startswith("a=crypto:") and SUITE in line:
            encoded = line.partition("inline:")[2].split("|")[0].split()[0]
            return base64.b64decode(encoded)
    raise ValueError(f"no {SUITE} key in the answer")


def _session(key: bytes, direction: int) -> Session:
    policy = Policy(key=key, ssrc_type=direction, srtp_profile=Policy.SRTP_PROFILE_AES128_CM_SHA1_80)
    policy.window_size = 1024
    return Session(policy=policy)
