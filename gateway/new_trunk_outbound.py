"""What the outbound side and the signalling of a new trunk must fulfil. Each failure names the field."""

from __future__ import annotations

import ssl
from dataclasses import replace

from gateway.errors import InvalidRequestError
from gateway.trunk_address import read_address
from sip.tls_settings import MINIMUM_VERSIONS, TlsClientSettings, TlsSettingsError
from store.records import TrunkOutbound, TrunkSignalling, TrunkTls
from store.target_records import TrunkTransport

# RFC 4028 section 4: no session interval may be shorter.
SHORTEST_SESSION_S = 90
LONGEST_SESSION_S = 86_400
REGISTRATION_S = (60, 86_400)
PROBE_S = (5, 3_600)


def check_signalling(signalling: TrunkSignalling) -> None:
    """Raises `InvalidRequestError`."""
    if not SHORTEST_SESSION_S <= signalling.session_expires <= LONGEST_SESSION_S:
        raise InvalidRequestError(
            f"The session interval goes from {SHORTEST_SESSION_S} to {LONGEST_SESSION_S} seconds.",
            field="signalling.session_expires",
        )
    if not SHORTEST_SESSION_S <= signalling.min_session_expires <= signalling.session_expires:
        raise InvalidRequestError(
            f"The shortest session interval goes from {SHORTEST_SESSION_S} seconds to session_expires.",
            field="signalling.min_session_expires",
        )


def check_outbound_extras(outbound: TrunkOutbound) -> None:
    """TLS, registration and probes. Raises `InvalidRequestError`."""
    low, high = PROBE_S
    if outbound.probe_interval != 0 and not low <= outbound.probe_interval <= high:
        raise InvalidRequestError(
            f"Probes go out every {low} to {high} seconds, or never (0).", field="outbound.probe_interval"
        )
    registration = outbound.registration
    if registration is not None:
        low, high = REGISTRATION_S
        if not low <= registration.expires <= high:
            raise InvalidRequestError(
                f"A registration lasts {low} to {high} seconds.", field="outbound.registration.expires"
            )
        if registration.username is None and outbound.auth_username is None:
            raise InvalidRequestError(
                "A registration needs a username, or auth_username.", field="outbound.registration.username"
            )
    if outbound.tls is not None:
        if not uses_tls(outbound):
            raise InvalidRequestError("tls goes with transport tls or auto.", field="outbound.tls")
        _check_tls(outbound.tls)


def tls_settings(tls: TrunkTls | None) -> TlsClientSettings:
    """A trunk's TLS as the transport takes it."""
    if tls is None:
        return TlsClientSettings()
    return TlsClientSettings(
        tls.ca, tls.server_name, tls.min_version, tls.certificate, tls.private_key, tls.wildcard
    )


def uses_tls(outbound: TrunkOutbound) -> bool:
    """Whether calls may go over TLS."""
    transports = {outbound.transport, *(one.transport for one in outbound.targets)}
    return bool(transports & {TrunkTransport.TLS, TrunkTransport.AUTO})


def tls_towards(outbound: TrunkOutbound, address: str | None = None) -> TlsClientSettings | None:
    """How connections to a trunk are made. The certificate has to be for the name in `address`, that of the
    trunk or of one of its targets, whatever servers the DNS names for it (RFC 5922 section 4), also where a
    call goes on to another of its hosts. None for a trunk without TLS.
    """
    if not uses_tls(outbound):
        return None
    settings = tls_settings(outbound.tls)
    if settings.server_name is not None:
        return settings
    return replace(settings, server_name=read_address(address or outbound.address)[0])


def _check_tls(tls: TrunkTls) -> None:
    if tls.min_version not in MINIMUM_VERSIONS:
        raise InvalidRequestError(
            f"The version is one of {', '.join(MINIMUM_VERSIONS)}.", field="outbound.tls.min_version"
        )
    if (tls.certificate is None) != (tls.private_key is None):
        missing = "private_key" if tls.private_key is None else "certificate"
        raise InvalidRequestError("certificate and private_key go together.", field=f"outbound.tls.{missing}")
    try:
        context = tls_settings(tls).context()
    except TlsSettingsError as error:
        raise InvalidRequestError(str(error), field=f"outbound.tls.{error.field}") from error
    if tls.server_name is not None:
        try:
            context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=tls.server_name)
        except ValueError as error:
            raise InvalidRequestError(
                f"{tls.server_name[:64]!r} is not a host name.", field="outbound.tls.server_name"
            ) from error
