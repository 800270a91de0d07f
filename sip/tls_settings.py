"""TLS contexts for SIP: what a server shows, and what a client believes and shows (RFC 3261 section 26.3.1,
RFC 5630).

Certificates of a client are PEM text, because they belong to a trunk; those of the server are files, because
somebody renews them.
"""

from __future__ import annotations

import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
MINIMUM_VERSIONS = tuple(_VERSIONS)
_NO_WILDCARDS = 0x2  # OpenSSL's X509_CHECK_FLAG_NO_WILDCARDS


class TlsSettingsError(Exception):
    """A certificate, key or authority that cannot be used; `field` says which of them."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class TlsClientSettings:
    """How we connect. Without `ca` (PEM) the system's authorities are believed; `server_name` is what is
    asked for by SNI and has to be in the peer's certificate, by default the host that is connected to. There
    it has to be written out (RFC 5922 section 7.2), unless `wildcard` lets `*.example.com` stand for it.
    """

    ca: str | None = None
    server_name: str | None = None
    min_version: str = "1.2"
    certificate: str | None = None
    private_key: str | None = field(default=None, repr=False)
    wildcard: bool = False

    def context(self) -> ssl.SSLContext:
        """A fresh context. Raises TlsSettingsError."""
        try:
            # TypeError: a text that is not ASCII.
            context = ssl.create_default_context(cadata=self.ca)
        except (ssl.SSLError, ValueError, TypeError) as error:
            raise TlsSettingsError("ca", f"not a certificate in PEM form: {error}") from error
        context.minimum_version = _VERSIONS[self.min_version]
        if not self.wildcard:
            # The library has no public name for it.
            context._host_flags |= _NO_WILDCARDS  # type: ignore[attr-defined]
        if self.certificate is not None and self.private_key is not None:
            _load_pair(context, self.certificate, self.private_key)
        return context


@dataclass(frozen=True, slots=True)
class TlsServerSettings:
    """What our TLS listeners show. With `client_ca` peers must show a certificate that it has signed."""

    certificate: Path
    private_key: Path
    client_ca: Path | None = None
    min_version: str = "1.2"

    def context(self) -> ssl.SSLContext:
        """A fresh context from the files as they are now. Raises TlsSettingsError."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = _VERSIONS[self.min_version]
        try:
            context.load_cert_chain(self.certificate, self.private_key)
        except (OSError, ssl.SSLError) as error:
            raise TlsSettingsError("certificate", f"{self.certificate}: {error}") from error
        if self.client_ca is not None:
            try:
                context.load_verify_locations(self.client_ca)
            except (OSError, ssl.SSLError) as error:
                raise TlsSettingsError("client_ca", f"{self.client_ca}: {error}") from error
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def changed_at(self) -> tuple[int, ...]:
        """Changes when one of the files does. Raises OSError while one is missing."""
        files = (self.certificate, self.private_key, *([self.client_ca] if self.client_ca else ()))
        return tuple(file.stat().st_mtime_ns for file in files)


class ServerCertificate:
    """A server's context, which takes renewed files up without a restart: new connections get the new
    certificate, those that stand go on. An authority that was taken out of `client_ca` is believed until the
    restart.
    """

    def __init__(self, settings: TlsServerSettings) -> None:
        """Raises TlsSettingsError."""
        self._settings = settings
        self.context = settings.context()
        self._changed_at = settings.changed_at()

    def reload_if_changed(self) -> bool:
        """Whether new files were taken up. Files that cannot be used are logged, and change nothing."""
        settings = self._settings
        try:
            changed_at = settings.changed_at()
            if changed_at == self._changed_at:
                return False
            settings.context()  # a certificate without its key must not half replace the old pair
            self.context.load_cert_chain(settings.certificate, settings.private_key)
            if settings.client_ca is not None:
                self.context.load_verify_locations(settings.client_ca)
        except (OSError, ssl.SSLError, TlsSettingsError) as error:
            # Perhaps only the first of the files has been renewed yet: the next look tells.
            log.error("sip.certificate_not_reloaded", error=str(error))
            return False
        self._changed_at = changed_at
        log.info("sip.certificate_reloaded", certificate=str(settings.certificate))
        return True


def _load_pair(context: ssl.SSLContext, certificate: str, private_key: str) -> None:
    """The library reads pairs from files alone; ours is nobody else's to read, and gone at once."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(f"{private_key.strip()}\n{certificate.strip()}\n")
        file.flush()
        try:
            context.load_cert_chain(file.name, password="")
        except (ssl.SSLError, OSError, ValueError) as error:
            raise TlsSettingsError("certificate", f"not a PEM certificate with its key: {error}") from error
