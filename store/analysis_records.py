"""Analyses that are due, as the store keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class DueAnalysis:
    """A call whose transcript is to be read, by what its agent asked for when the call ended. After
    `deadline_at` nobody waits for it any longer.
    """

    call_id: str
    success_criteria: str | None
    extraction_schema: dict[str, Any] | None
    created_at: datetime
    deadline_at: datetime
    attempts: int = 0
    claimed_by: str | None = None
