"""The sections on the voice engine and the tools of agents."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from gateway.configuration.section import Duration, Section


class EngineSection(Section):
    base_url: str = "https://api.ultravox.ai"
    api_key: str | None = Field(default=None, repr=False)
    api_key_file: Path | None = None
    create_timeout: Duration = 10.0
    connect_timeout: Duration = 5.0
    recover_attempts: int = Field(default=2, ge=0, le=10)
    recover_timeout: Duration = 8.0
    sync_attempts: int = Field(default=5, ge=1, le=100)
    poll_interval: Duration = 5.0  # between looks at calls that browsers joined
    webhook_url: str | None = None  # where the engine reaches our `/webhooks/ultravox`
    webhook_secret: str | None = Field(default=None, repr=False)
    webhook_secret_file: Path | None = None

    @field_validator("base_url")
    @classmethod
    def _url(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value.rstrip("/")


class ToolsSection(Section):
    """Client tools: requests of ours to addresses that come from clients."""

    private_urls: bool = False
    max_response_bytes: int = Field(default=65_536, ge=1_024, le=1_048_576)
