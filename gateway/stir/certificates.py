"""The certificates of those who sign calls: fetched where a token says, checked against the trust anchors,
and kept for a while.

The address comes from a stranger: `gateway.public_address` says where it may lead, redirects are refused,
and answer, time and number of what is kept are bounded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import crypto

from gateway.public_address import guarded_session, url_problem

MAX_CERTIFICATE_BYTES = 32_768
MAX_CHAIN = 6
MAX_KEPT = 1_024
KEPT_S = 3_600.0
FAULT_KEPT_S = 30.0
"""How long a certificate is believed, and a fault remembered, without another look."""


class CertificateError(Exception):
    """`unavailable`: it could not be had; else it is not to be believed."""

    def __init__(self, message: str, *, unavailable: bool = False) -> None:
        super().__init__(message)
        self.unavailable = unavailable


@dataclass(frozen=True, slots=True)
class _Kept:
    until: float
    key: ec.EllipticCurvePublicKey | None
    fault: CertificateError | None = None


class SigningCertificates:
    """Holds connections: `close` it."""

    def __init__(
        self,
        anchors: Sequence[x509.Certificate],
        *,
        fetch_timeout_s: float,
        allow_private: bool,
        clock: Callable[[], float],
    ) -> None:
        self._store = crypto.X509Store()
        for anchor in anchors:
            self._store.add_cert(crypto.X509.from_cryptography(anchor))
        self._fetch_timeout_s = fetch_timeout_s
        self._allow_private = allow_private
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._fetching: dict[str, asyncio.Task[_Kept]] = {}
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        for task in list(self._fetching.values()):
            task.cancel()
        await asyncio.gather(*self._fetching.values(), return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def key_of(self, url: str) -> ec.EllipticCurvePublicKey:
        """The public key of the certificate at `url`. Raises `CertificateError`. A fetch that somebody
        stopped waiting for goes on, within its own limit, for the next call.
        """
        kept = self._kept.get(url)
        if kept is None or self._clock() >= kept.until:
            task = self._fetching.get(url)
            if task is None:
                if len(self._fetching) >= MAX_KEPT:
                    raise CertificateError("too many certificates are being fetched", unavailable=True)
                task = self._fetching[url] = asyncio.create_task(self._obtain(url))
                task.add_done_callback(lambda _: self._fetching.pop(url, None))
            kept = await asyncio.shield(task)
        if kept.key is None:
            raise kept.fault or CertificateError("no key")
        return kept.key

    async def _obtain(self, url: str) -> _Kept:
        try:
            pem = await self._fetch(url)
            key = await asyncio.to_thread(checked_key, pem, self._store)
            kept = _Kept(self._clock() + KEPT_S, key)
        except CertificateError as error:
            kept = _Kept(self._clock() + FAULT_KEPT_S, None, error)
        if len(self._kept) >= MAX_KEPT:
            self._kept.pop(next(iter(self._kept)))
        self._kept[url] = kept
        return kept

    async def _fetch(self, url: str) -> bytes:
        problem = url_problem(url, allow_private=self._allow_private)
        if problem is not None:
            raise CertificateError(problem)
        if not url.startswith("https://") and not self._allow_private:
            raise CertificateError("The certificate's URL must begin with https://.")
        if self._session is None:
            self._session = guarded_session(allow_private=self._allow_private)
        try:
            async with (
                asyncio.timeout(self._fetch_timeout_s),
                self._session.get(url, allow_redirects=False) as response,
            ):
                if response.status != 200:
                    raise CertificateError(f"its server answered with {response.status}", unavailable=True)
                content = bytearray()
                async for piece in response.content.iter_chunked(4096):
                    content += piece
                    if len(content) > MAX_CERTIFICATE_BYTES:
                        raise CertificateError("it is too large")
                return bytes(content)
        except TimeoutError as error:
            raise CertificateError("it did not come in time", unavailable=True) from error
        # UnicodeError: a name that cannot be one, with an empty or too long label.
        except (aiohttp.ClientError, OSError, UnicodeError, ValueError) as error:
            fault = f"it cannot be fetched ({type(error).__name__})"
            raise CertificateError(fault, unavailable=True) from error


def checked_key(pem: bytes, store: crypto.X509Store) -> ec.EllipticCurvePublicKey:
    """The key of the first certificate in `pem`, if the others lead from it to an anchor in `store`. Raises
    `CertificateError`.
    """
    try:
        chain = x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise CertificateError("it is no certificate in PEM form") from error
    if len(chain) > MAX_CHAIN:
        raise CertificateError("its chain is too long")
    leaf = chain[0]
    key = leaf.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise CertificateError("its key is not one of P-256")
    if _may_sign_others(leaf):
        raise CertificateError("it is an authority's own")
    now = datetime.now(UTC)
    if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
        raise CertificateError("it is not valid now")
    between = [crypto.X509.from_cryptography(certificate) for certificate in chain[1:]]
    try:
        crypto.X509StoreContext(
            store, crypto.X509.from_cryptography(leaf), chain=between or None
        ).verify_certificate()
    except crypto.X509StoreContextError as error:
        raise CertificateError(f"it is not trusted: {error}") from error
    return key


def _may_sign_others(certificate: x509.Certificate) -> bool:
    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except (x509.ExtensionNotFound, ValueError):
        return False
