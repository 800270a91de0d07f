"""The sections on calls of browsers."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from gateway.configuration.section import Duration, Section

_ICE_URL = re.compile(  # RFC 7064, RFC 7065
    r"(stun|turn)s?:([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?(\?transport=(udp|tcp))?"
)


class BrowserSection(Section):
    """Calls of browsers that our own media stack carries."""

    max_calls: int = Field(default=200, ge=0)  # joined ones at once, on this node
    max_waiting: int = Field(default=1_000, ge=1)  # that nobody has joined yet
    join_timeout: Duration = Field(default=120.0, gt=0)
    media_timeout: Annotated[Duration, Field(gt=0)] = 15.0
    closed_timeout: Annotated[Duration, Field(ge=1)] = 6.0  # instead, when the page has said that it leaves
    media_addresses: tuple[str, ...] = ()  # the candidates; none: as for calls over SIP

    @field_validator("media_addresses")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(ipaddress.ip_address(text)) for text in value)


class TurnSection(Section):
    """Which servers browsers are told to find a way by."""

    stun_urls: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    secret: str | None = Field(default=None, repr=False)  # shared with the TURN servers
    secret_file: Path | None = None
    credential_life: Duration = Field(default=43_200.0, ge=60)

    @field_validator("stun_urls")
    @classmethod
    def _stun(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _ice_urls(value, "stun", "stuns")

    @field_validator("urls")
    @classmethod
    def _turn(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _ice_urls(value, "turn", "turns")

    @model_validator(mode="after")
    def _whole(self) -> TurnSection:
        if self.secret is not None and self.secret_file is not None:
            raise ValueError("secret and secret_file: give one of the two")
        if self.urls and self.secret is None and self.secret_file is None:
            raise ValueError("urls need the secret that the TURN servers know, or its secret_file")
        return self


def _ice_urls(urls: tuple[str, ...], *schemes: str) -> tuple[str, ...]:
    for url in urls:
        if _ICE_URL.fullmatch(url) is None or url.partition(":")[0] not in schemes:
            raise ValueError(f"{url!r} is not like {schemes[0]}:host.example:3478")
    return urls
