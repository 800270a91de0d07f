"""Caller identity as the gateway's flows use it: made from the configuration, off where nothing is set."""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gateway.configuration.sip import StirSection
from gateway.errors import ConfigurationError
from gateway.stir.certificates import SigningCertificates
from gateway.stir.passport import sign_identity
from gateway.stir.verification import Verification, Verifier
from routing.numbers import is_e164
from sip.errors import SipError
from sip.headers import NameAddr
from sip.message import Request
from store.records import StirCheck, Trunk


class CallerIdentity:
    """Verifies calls to us, signs calls from us."""

    def __init__(self, config: StirSection) -> None:
        """Raises `ConfigurationError` when a file cannot be used."""
        self._config = config
        self._key = None if config.private_key is None else _private_key(config.private_key)
        self._verifier: Verifier | None = None
        if config.trust_anchors is not None:
            certificates = SigningCertificates(
                _anchors(config.trust_anchors),
                fetch_timeout_s=config.timeout * 2,
                allow_private=config.private_urls,
                clock=time.monotonic,
            )
            self._verifier = Verifier(
                certificates, max_age_s=config.max_age, timeout_s=config.timeout, now=time.time
            )

    async def close(self) -> None:
        if self._verifier is not None:
            await self._verifier.close()

    async def verify(
        self, trunk: Trunk | None, identity: list[str], *, callers: Collection[str], called: Collection[str]
    ) -> Verification | None:
        """What is known of a caller; None where nobody wants to know, or nothing is configured."""
        if self._verifier is None or trunk is None or trunk.stir.verify is StirCheck.OFF:
            return None
        return await self._verifier.verify(identity, callers=callers, called=called)

    def headers(self, trunk: Trunk | None, *, caller: str, called: str) -> tuple[tuple[str, str], ...]:
        """The Identity and Date headers of a call of ours; none where it is not to be signed, or is not from
        one telephone number to another.
        """
        key, url = self._key, self._config.certificate_url
        if key is None or url is None or trunk is None or not trunk.stir.sign:
            return ()
        if not is_e164(caller) or not is_e164(called):
            return ()
        now = datetime.now(UTC)
        identity = sign_identity(
            key,
            url,
            origin=caller,
            destination=called,
            attestation=self._config.attestation,
            origination_id=str(uuid.uuid4()),
            now=int(now.timestamp()),
        )
        return (("Date", format_datetime(now, usegmt=True)), ("Identity", identity))


def named_users(request: Request, *headers: str) -> set[str]:
    """The user parts of the addresses in these headers, as far as they can be read."""
    users: set[str] = set()
    for value in (value for name in headers for value in request.get_all(name)):
        with suppress(SipError):
            users.add(NameAddr.parse(value).uri.user_decoded or "")
    return users - {""}


def _private_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigurationError(f"stir.private_key cannot be used: {error}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ConfigurationError("stir.private_key cannot be used: it is not one of P-256")
    return key


def _anchors(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"stir.trust_anchors cannot be used: {error}") from error
