"""Whether an engine that ends its call takes ours with it.

While the far party of a call waits for somebody else, its agent hears nothing, and an engine that takes that
for inactivity hangs up. It may: when it is needed again, it is called again, and told then what it has to
know.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

MOST_KEPT = 20  # messages; what is said to nobody for so long is of no interest any more


@dataclass(slots=True)
class EngineAbsence:
    """One conversation's."""

    _allowed: bool = False
    _away: bool = False
    _for_good: bool = False
    _kept: list[dict[str, Any]] = field(default_factory=list)

    def covers(self) -> bool:
        """The engine's socket was closed: whether that is all right."""
        if self._for_good:
            return True
        if self._allowed:
            self._away = True
        return self._away

    def gone(self) -> None:
        """It has ended its call."""
        self._allowed = self._away = True

    def allow(self, allowed: bool) -> bool:
        """True when it is not allowed any more and the engine has to be called."""
        self._allowed = allowed
        return self._away and not allowed and not self._for_good

    def leave(self) -> None:
        """It is not needed again in this call."""
        self._for_good = True
        self._kept.clear()

    def keeps(self, message: dict[str, Any]) -> bool:
        """Whether the engine is not there to be told this, now or ever."""
        if self._for_good:
            return True
        if self._away and len(self._kept) < MOST_KEPT:
            self._kept.append(message)
        return self._away

    def back(self) -> list[dict[str, Any]]:
        """It is there again: what it has to be told."""
        self._away = False
        kept, self._kept = self._kept, []
        return kept
