"""What a call sounds like and how its conversation flows, as the API tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CONTACT_LEG = "contact"  # the leg to the far party


@dataclass(frozen=True, slots=True)
class LegQuality:
    """One leg's figures, by the names of `media.messages.LegStatistics`."""

    leg: str
    figures: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CallQuality:
    """`live`: the figures are of this moment; otherwise they are the last ones."""

    call_id: str
    live: bool
    answered_by: str | None
    legs: tuple[LegQuality, ...]
