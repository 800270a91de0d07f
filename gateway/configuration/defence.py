"""The `[defence]` section of the configuration."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gateway.configuration.section import Duration, Section


class DefenceSection(Section):
    """What stands before strangers. Rates are new requests a second; 0: no limit."""

    unknown_sources: Literal["refuse", "silence"] = "refuse"
    unknown_source_rate: float = Field(default=10.0, ge=0, le=100_000)
    source_rate: float = Field(default=0.0, ge=0, le=100_000)  # of one known source
    total_rate: float = Field(default=0.0, ge=0, le=1_000_000)  # INVITEs of all sources together
    calls_per_minute: int = Field(default=0, ge=0)  # outbound, of one organisation; 0: no limit
    cents_per_day: int = Field(default=0, ge=0)  # outbound, of one organisation; 0: no limit
    ban_after: int = Field(default=20, ge=0, le=10_000)  # misdeeds; 0: nobody is banned
    ban_window: Duration = Field(default=60.0, gt=0)
    ban_time: Duration = Field(default=3600.0, gt=0)
