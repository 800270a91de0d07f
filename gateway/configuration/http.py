"""The sections on HTTP: the API, the dashboard, acting on calls."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from pydantic import Field, field_validator

from gateway.configuration.endpoints import parse_endpoint
from gateway.configuration.section import Duration, Section


class HttpSection(Section):
    listen: str = "127.0.0.1:8080"
    public_url: str | None = None  # what links to pages begin with; none: the address that was asked
    rate_limit_per_minute: int = Field(default=600, ge=0)
    trusted_proxies: tuple[str, ...] = ()  # whose X-Forwarded-For and X-Forwarded-Proto are believed

    @field_validator("public_url")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return None if value is None else value.rstrip("/")

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            ipaddress.ip_network(text, strict=False)
        return value

    @field_validator("listen")
    @classmethod
    def _endpoint(cls, value: str) -> str:
        parse_endpoint(value)
        return value


class DashboardSection(Section):
    """Who is signed in to the dashboard, and for how long."""

    session_idle: Duration = Field(default=12 * 3_600.0, ge=60)  # without a request
    session_lifetime: Duration = Field(default=7 * 86_400.0, ge=60)  # in all


class ControlSection(Section):
    """What can be done to live calls over the API."""

    play_dir: Path | None = None
    play_urls: bool = True
    play_private_urls: bool = False
    play_max_bytes: int = Field(default=20 * 1024 * 1024, ge=1024)
    play_timeout: Duration = 15.0
    hold_music: Path | None = None
