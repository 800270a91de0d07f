"""The sections on SIP: where we listen, whose word we believe, what is kept of the signalling."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from gateway.configuration.endpoints import parse_endpoint, parse_public
from gateway.configuration.section import Duration, Section
from sip.addresses import is_address
from sip.tls_settings import TlsServerSettings

_CERTIFICATE_URL = re.compile(r"https://[^\s<>\"]{1,2000}")


_ORIGIN = re.compile(r"https?://[^/\s]+")


class SipSection(Section):
    listen: tuple[str, ...] = ("udp:0.0.0.0:5060", "tcp:0.0.0.0:5060")
    public_host: str | None = None
    tls_certificate: Path | None = None
    tls_private_key: Path | None = None
    tls_client_ca: Path | None = None
    tls_min_version: Literal["1.2", "1.3"] = "1.2"
    digest_algorithms: tuple[Literal["SHA-256", "MD5"], ...] = ("MD5", "SHA-256")  # as they are offered
    dns_servers: tuple[str, ...] = ()  # HOST:PORT of name servers; none: the system's
    websocket: bool = False  # SIP over WebSocket (RFC 7118) at /sip of the HTTP port
    websocket_origins: tuple[str, ...] = ()  # pages of these origins may connect beside our own; * = any

    @field_validator("digest_algorithms")
    @classmethod
    def _some_algorithm(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or len(set(value)) != len(value):
            raise ValueError("name SHA-256, MD5 or both, each once")
        return value

    @field_validator("dns_servers")
    @classmethod
    def _name_servers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for entry in value:
            host, _ = parse_endpoint(entry)
            if not is_address(host):
                raise ValueError(f"a name server is an address and a port, not {entry!r}")
        return value

    @field_validator("websocket_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if origin != "*" and _ORIGIN.fullmatch(origin) is None:
                raise ValueError(f"expected an origin such as https://example.com, not {origin!r}")
        return tuple(origin.lower() for origin in value)

    @model_validator(mode="after")
    def _certificate_for_tls(self) -> SipSection:
        if any(transport == "tls" for transport, _, _ in self.endpoints()) and (
            self.tls_certificate is None or self.tls_private_key is None
        ):
            raise ValueError("a tls: listener needs tls_certificate and tls_private_key")
        return self

    @field_validator("listen")
    @classmethod
    def _listeners(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("at least one listener is needed, for example udp:0.0.0.0:5060")
        for entry in value:
            transport, _, endpoint = entry.partition(":")
            if transport not in ("udp", "tcp", "tls"):
                raise ValueError(f"{entry!r} must start with udp:, tcp: or tls:")
            endpoint, at, public = endpoint.partition("@")
            parse_endpoint(endpoint)
            if at:
                parse_public(public)
        return value

    def endpoints(self) -> tuple[tuple[str, str, int], ...]:
        """Transport, host and port of each listener."""
        return tuple(
            (transport, *parse_endpoint(endpoint.partition("@")[0]))
            for transport, _, endpoint in (entry.partition(":") for entry in self.listen)
        )

    def publics(self) -> tuple[tuple[str | None, int | None], ...]:
        """What peers are told instead of each listener's address, and of its port."""
        publics = (entry.partition("@")[2] for entry in self.listen)
        return tuple(parse_public(public) if public else (None, None) for public in publics)

    def name_servers(self) -> tuple[tuple[str, int], ...]:
        """Address and port of each name server that is asked instead of the system's."""
        return tuple(parse_endpoint(entry) for entry in self.dns_servers)

    def tls_server(self) -> TlsServerSettings | None:
        """What TLS listeners show; None when there can be none."""
        if self.tls_certificate is None or self.tls_private_key is None:
            return None
        return TlsServerSettings(
            self.tls_certificate, self.tls_private_key, self.tls_client_ca, self.tls_min_version
        )


class TraceSection(Section):
    """SIP messages that are kept to be looked at."""

    memory_bytes: int = Field(default=32 * 1024 * 1024, ge=0)  # 0 = none are kept
    max_messages: int = Field(default=50_000, ge=1)
    save: Literal["all", "failed", "none"] = "failed"  # calls whose messages go into the database
    keep_saved: Duration = 7 * 86_400.0  # 0 = for ever
    hep_collector: str | None = None  # udp:HOST:PORT or tcp:HOST:PORT
    hep_capture_id: int = Field(default=1, ge=0, le=2**32 - 1)
    hep_password: str | None = Field(default=None, repr=False, min_length=1, max_length=200)
    hep_password_file: Path | None = None

    @field_validator("hep_collector")
    @classmethod
    def _collector(cls, value: str | None) -> str | None:
        if value is not None:
            transport, _, endpoint = value.partition(":")
            if transport not in ("udp", "tcp"):
                raise ValueError(f"{value!r} must start with udp: or tcp:")
            parse_endpoint(endpoint)
        return value

    @model_validator(mode="after")
    def _password_once(self) -> TraceSection:
        if self.hep_password is not None and self.hep_password_file is not None:
            raise ValueError("hep_password and hep_password_file: give one of the two")
        return self

    def collector(self) -> tuple[str, str, int] | None:
        """Transport, host and port of the collector."""
        if self.hep_collector is None:
            return None
        transport, _, endpoint = self.hep_collector.partition(":")
        return (transport, *parse_endpoint(endpoint))


class StirSection(Section):
    """STIR/SHAKEN: signed caller identity (RFC 8224); trunks say what they want of it."""

    trust_anchors: Path | None = None  # PEM file with authorities; none: nothing is checked
    max_age: Duration = 60.0
    timeout: Annotated[Duration, Field(gt=0, le=10)] = 2.0  # for one call's certificate
    private_urls: bool = False
    private_key: Path | None = None  # PEM, P-256; none: nothing is signed
    certificate_url: str | None = None
    attestation: Literal["A", "B", "C"] = "B"

    @model_validator(mode="after")
    def _whole(self) -> StirSection:
        if (self.private_key is None) != (self.certificate_url is None):
            raise ValueError("private_key and certificate_url go together")
        if self.certificate_url is not None and not _CERTIFICATE_URL.fullmatch(self.certificate_url):
            raise ValueError("certificate_url must begin with https://")
        return self
