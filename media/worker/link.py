"""One end of the stream between gateway and worker: whole messages in, whole messages out, bounded.

What is sent in one turn of the event loop leaves in one write. A peer that does not read makes the queue
grow: above `soft_bytes` messages that can be done without are dropped and counted, above `hard_bytes` the
peer is given up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from media.worker.framing import FrameError, FrameReader, frame


@dataclass(frozen=True, slots=True)
class LinkLimits:
    """How much may wait for a peer that does not read."""

    # A thousand calls say less than this in a second.
    soft_bytes: int = 1024 * 1024
    # Minutes of a stall: by then the heartbeat has long given the peer up.
    hard_bytes: int = 16 * 1024 * 1024


@dataclass(slots=True)
class LinkCounters:
    """Since the link was made. `most_waiting` is bytes."""

    sent: int = 0
    received: int = 0
    dropped: int = 0
    most_waiting: int = 0


class Link(asyncio.Protocol):
    """Messages as bytes. `received` is called for each, `lost` once with the reason, both on the event
    loop.
    """

    def __init__(
        self, received: Callable[[bytes], None], lost: Callable[[str], None], limits: LinkLimits | None = None
    ) -> None:
        self._received = received
        self._lost = lost
        self._limits = limits or LinkLimits()
        self._loop = asyncio.get_running_loop()
        self._reader = FrameReader()
        self._transport: asyncio.WriteTransport | None = None
        self._out: list[bytes] = []
        self._out_bytes = 0
        self._reason: str | None = None
        self._over = False
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self.counters = LinkCounters()

    @property
    def connected(self) -> bool:
        """The stream is, or was, in use."""
        return self._transport is not None

    @property
    def waiting(self) -> int:
        """Bytes that the peer has not taken yet, as far as this process holds them."""
        return self._out_bytes + (self._transport.get_write_buffer_size() if self._transport else 0)

    @property
    def congested(self) -> bool:
        """Above the soft limit: what can wait should wait."""
        return self.waiting > self._limits.soft_bytes

    def send(self, payload: bytes, *, droppable: bool = False) -> bool:
        """Queue one message. False when it was dropped, or the link is over. Raises `FrameError` when it is
        too large.
        """
        if self._over or self._reason is not None:
            return False
        data = frame(payload)
        waiting = self.waiting + len(data)
        if waiting > self._limits.hard_bytes:
            self.give_up("the peer does not read")
            return False
        if droppable and waiting > self._limits.soft_bytes:
            self.counters.dropped += 1
            return False
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(data)
        self._out_bytes += len(data)
        self.counters.sent += 1
        self.counters.most_waiting = max(self.counters.most_waiting, waiting)
        return True

    def close(self) -> None:
        """End it after what is queued."""
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def give_up(self, reason: str) -> None:
        """End it now; what is queued is lost."""
        if self._reason is None:
            self._reason = reason
        self._out.clear()
        self._out_bytes = 0
        if self._transport is not None:
            self._transport.abort()

    def _flush(self) -> None:
        if self._transport is not None and self._out:
            self._transport.write(b"".join(self._out))
            self._out.clear()
            self._out_bytes = 0

    # --- asyncio.Protocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's are no subclasses
        self._flush()

    def data_received(self, data: bytes) -> None:
        try:
            payloads = self._reader.feed(data)
        except FrameError as error:
            self.give_up(str(error))
            return
        self.counters.received += len(payloads)
        for payload in payloads:
            if self._reason is not None:
                return
            self._received(payload)

    def connection_lost(self, error: Exception | None) -> None:
        self._over = True
        self._out.clear()
        self._out_bytes = 0
        if not self.closed.done():
            self.closed.set_result(None)
        self._lost(self._reason or (f"{type(error).__name__}: {error}" if error else "the stream ended"))
