"""What the store keeps of the gateways on one database."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """A gateway. `run_id` is new with each start, `url` is where other nodes reach its HTTP API, `silent_s`
    seconds since it was last heard of, by the database's clock.
    """

    id: str
    run_id: str
    url: str | None = None
    silent_s: float = 0.0
