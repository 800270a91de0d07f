"""The sections on audio: ports and workers, who answered, silence, recordings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from gateway.configuration.endpoints import parse_port_range
from gateway.configuration.section import Duration, Section
from media.worker.port_share import split_ports


class MediaSection(Section):
    bind_host: str = "0.0.0.0"
    public_host: str | None = None
    rtp_ports: str = "20000-29999"
    workers: int | None = Field(default=None, ge=0, le=256)  # processes; 0 = in the gateway's own
    worker_cpu_limit: float = Field(default=0.8, gt=0, le=1)
    reserved_ports: tuple[Annotated[int, Field(ge=1024, le=65535)], ...] = ()
    port_rest: Duration = 30.0
    first_packet_timeout: Duration = 15.0
    silence_timeout: Duration = 60.0
    agent_gain: float = Field(default=0.0, ge=-20, le=12)  # dB
    caller_gain: float = Field(default=0.0, ge=-20, le=12)  # dB
    comfort_noise: int | None = Field(default=None, ge=-90, le=-40)  # dBov; none: digital silence

    @field_validator("rtp_ports")
    @classmethod
    def _ports(cls, value: str) -> str:
        parse_port_range(value)
        return value

    @model_validator(mode="after")
    def _ports_for_all_workers(self) -> MediaSection:
        if (self.workers or 0) > self._port_pairs():
            raise ValueError(f"rtp_ports holds {self._port_pairs()} pairs, fewer than workers")
        return self

    @model_validator(mode="after")
    def _ports_left(self) -> MediaSection:
        reserved = set(self.reserved_ports)
        parts = split_ports(*self.port_range(), max(1, self.worker_count()))
        if not all(
            any(reserved.isdisjoint((port, port + 1)) for port in range(low, high, 2)) for low, high in parts
        ):
            raise ValueError("reserved_ports leaves a worker's part of rtp_ports without a pair")
        return self

    def port_range(self) -> tuple[int, int]:
        return parse_port_range(self.rtp_ports)

    def worker_count(self) -> int:
        """How many media workers to start: what was set, else one for each processor core we may use."""
        if self.workers is not None:
            return self.workers
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return max(1, min(cores, self._port_pairs()))

    def _port_pairs(self) -> int:
        low, high = self.port_range()
        return (high + 1 - low - low % 2) // 2


class AmdSection(Section):
    """Answering machine detection on outbound calls."""

    decide_timeout: Duration = 8.0
    beep_timeout: Duration = 30.0
    message_timeout: Duration = 60.0
    voicemail_prompt: str = (
        "You have reached an answering machine, and it is recording now. Leave a short message: who is "
        "calling, why, and how to call back. Nobody will answer; say goodbye when you are done."
    )


class WatchdogsSection(Section):
    """What happens when one side of a conversation falls silent; a time of 0 switches it off."""

    agent_prompt_after: Duration = 15.0
    agent_prompt: str = "One moment, please."
    agent_end_after: Duration = 30.0
    caller_prompt_after: Duration = 0.0
    caller_prompt: str = "Are you still there?"
    caller_end_after: Duration = 0.0
    caller_farewell: str = "I cannot hear you, so I will hang up now. Goodbye."


class RecordingsSection(Section):
    """What becomes of a recording when its call is over."""

    format: Literal["mp3", "opus", "wav"] = "mp3"
    channels: Literal["stereo", "mono"] = "stereo"
    bitrate: int | None = Field(default=None, ge=8, le=320)  # kbit/s of all channels; none: by the rate
    retention_days: float = Field(default=0, ge=0)  # 0 = for ever
    storage: Literal["disk", "s3"] = "disk"
    directory: Path | None = None  # none: `recordings` in `data_dir`
    public_url: str | None = None  # what links begin with; none: the address the API was asked at
    link_ttl: Duration = 86_400.0
    link_secret: str | None = Field(default=None, repr=False)  # none: one of our own, kept in `data_dir`
    link_secret_file: Path | None = None
    s3_endpoint: str | None = None  # none: AWS
    s3_bucket: str | None = None
    s3_region: str = "us-east-1"
    s3_prefix: str = ""
    s3_access_key_id: str | None = None
    s3_secret_access_key: str | None = Field(default=None, repr=False)
    s3_secret_access_key_file: Path | None = None

    @field_validator("public_url", "s3_endpoint")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return None if value is None else value.rstrip("/")

    @model_validator(mode="after")
    def _whole(self) -> RecordingsSection:
        for secret in ("link_secret", "s3_secret_access_key"):
            if getattr(self, secret) is not None and getattr(self, f"{secret}_file") is not None:
                raise ValueError(f"{secret} and {secret}_file: give one of the two")
        if self.storage == "s3":
            if self.s3_bucket is None or self.s3_access_key_id is None:
                raise ValueError("storage s3 needs s3_bucket and s3_access_key_id")
            if self.s3_secret_access_key is None and self.s3_secret_access_key_file is None:
                raise ValueError("storage s3 needs s3_secret_access_key or s3_secret_access_key_file")
        return self
