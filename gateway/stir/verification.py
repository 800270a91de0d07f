"""What an Identity header says of a caller, and whether it is true (RFC 8224 section 6.2, ATIS-1000074).

The outcome is told to agent and timeline; a call is refused for it only where its trunk says so, with the
status that RFC 8224 section 6.2.2 has for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum

from gateway.stir.certificates import CertificateError, SigningCertificates
from gateway.stir.passport import PassportError, digits, read_identity


class Verdict(StrEnum):
    """`none`: nobody has signed the call."""

    VERIFIED = "verified"
    FAILED = "failed"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Verification:
    """`attestation` is A, B or C, as the signer says; only of a verified call is it worth anything. `status`
    is what a trunk that insists refuses the call with.
    """

    verdict: Verdict
    attestation: str | None = None
    reason: str | None = None
    status: int = 0

    def variables(self) -> dict[str, str]:
        """For the agent's prompt."""
        return {
            "caller_verification": self.verdict.value,
            "caller_attestation": self.attestation or "",
            "caller_verification_reason": self.reason or "",
        }


def _failed(reason: str, status: int) -> Verification:
    return Verification(Verdict.FAILED, None, reason, status)


class Verifier:
    """Checks calls within `timeout_s` seconds each. `now` gives Unix time."""

    def __init__(
        self,
        certificates: SigningCertificates,
        *,
        max_age_s: float,
        timeout_s: float,
        now: Callable[[], float],
    ) -> None:
        self._certificates = certificates
        self._max_age_s = max_age_s
        self._timeout_s = timeout_s
        self._now = now

    async def verify(
        self, identity: list[str], *, callers: Collection[str], called: Collection[str]
    ) -> Verification:
        """`callers` is who is taken for the caller, `called` the numbers that the INVITE is for, in any
        spelling.
        """
        if not identity:
            return Verification(Verdict.NONE, None, "the call is not signed", 428)
        try:
            passport = read_identity(identity)
        except PassportError as error:
            return _failed(str(error), 438)
        calling = {digits(number) for number in callers}
        reached = {digits(number) for number in called} - {""}
        age = self._now() - passport.issued_at
        if abs(age) > self._max_age_s:
            return _failed(f"the token is {'old' if age > 0 else 'of the future'}: {age:.0f} s", 403)
        if not passport.origin or passport.origin not in calling:
            return _failed("the token is for another caller", 438)
        if reached.isdisjoint(passport.destinations):
            return _failed("the token is for another called number", 438)
        try:
            async with asyncio.timeout(self._timeout_s):
                key = await self._certificates.key_of(passport.certificate_url)
        except TimeoutError:
            return _failed("certificate: it did not come in time", 436)
        except CertificateError as error:
            return _failed(f"certificate: {error}", 436 if error.unavailable else 437)
        if not passport.check_signature(key):
            return _failed("the signature is not that of the certificate", 438)
        return Verification(Verdict.VERIFIED, passport.attestation)

    async def close(self) -> None:
        await self._certificates.close()
