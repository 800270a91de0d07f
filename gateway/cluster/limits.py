"""What is counted and how high it may go."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Counted(StrEnum):
    """The kinds of things that calls are counted by. A word here is part of Redis keys: never change one."""

    CLUSTER = "cluster"  # all nodes together; the key is empty
    ORGANIZATION = "organization"
    TRUNK = "trunk"
    NUMBER = "number"
    CAMPAIGN = "campaign"
    AGENT_BROWSER = "agent-browser"  # calls that visitors of a page began with an agent
    WIDGET = "widget"


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` leases at once that count for the `key` (an id) of this kind, in the whole cluster."""

    counted: Counted
    key: str
    most: int

    @property
    def name(self) -> str:
        return f"{self.counted}:{self.key}"
