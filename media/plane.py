"""The interface between the gateway and whatever carries the audio.

The gateway holds one `MediaPlane` and speaks to it in the messages of `media.messages` only, so that the
plane can live in this process (`media.in_process`) or behind a socket without a caller noticing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from media.messages import Command, CreateLeg, Event, LegClosed, LegCreated, LegStatistics


class MediaCapacityError(Exception):
    """No port is free, or every worker is busy: the leg was not created."""


class MediaStartError(Exception):
    """The media plane did not come up."""


class UnknownLegError(Exception):
    """The leg named in a command does not exist (any more)."""


EventListener = Callable[[Event], None]


class MediaPlane(Protocol):
    """Carries audio. All methods are called on the gateway's event loop."""

    async def start(self) -> None:
        """Bind what has to be bound and start the clock. Raises `MediaStartError`."""

    async def close(self) -> None:
        """End every leg and give back all sockets."""

    async def create_leg(self, command: CreateLeg, listener: EventListener) -> LegCreated:
        """Make a leg whose events go to `listener`, in order, on the event loop.

        Raises `MediaCapacityError` when the port pool is empty, or when one more leg would make others
        suffer, and when the leg that this one is to be beside is gone.
        """

    def send(self, command: Command) -> None:
        """Pass a command; its outcome comes as an event. A command to a leg that is gone is dropped
        silently.
        """

    async def close_leg(self, leg_id: str) -> LegClosed:
        """End a leg and return its last statistics. Raises `UnknownLegError`, and `TimeoutError` when its
        worker does not answer.
        """

    async def statistics(self, leg_id: str) -> LegStatistics:
        """Counters so far. Raises `UnknownLegError`, and `TimeoutError` when its worker does not answer."""

    @property
    def legs(self) -> int:
        """How many legs exist now."""

    @property
    def ports_free(self) -> int:
        """How many more legs could be created now."""

    @property
    def state(self) -> str:
        """`ok`, or why no leg can be created now."""
