"""The sections on this node: its database, its fellows, its log."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from gateway.configuration.section import Duration, Section


class StoreSection(Section):
    url: str | None = None
    url_file: Path | None = None


class ClusterSection(Section):
    """Several gateways on one database."""

    node_id: str | None = Field(default=None, min_length=1, max_length=64)  # none: the host's name
    node_url: str | None = None  # where other nodes reach our HTTP API; none: they do not
    node_timeout: Duration = Field(default=20.0, ge=1)
    redis_url: str | None = Field(default=None, repr=False)
    adopt_calls: bool = False  # of a node that is gone, and of this one's earlier run

    @field_validator("node_url")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return None if value is None else value.rstrip("/")

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must start with redis://, rediss:// or unix://")
        return value

    def own_node_id(self) -> str:
        return self.node_id or socket.gethostname()[:64]


class LoggingSection(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"
