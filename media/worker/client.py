"""The gateway's side of one worker: a `MediaPlane` whose legs live in another process."""

from __future__ import annotations

import asyncio
import functools
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

from media.messages import (
    CloseLeg,
    Command,
    CreateLeg,
    Event,
    LegClosed,
    LegCreated,
    LegFailed,
    LegStatistics,
    RecordingFinished,
    SendEngineMessage,
    StartRecording,
)
from media.plane import EventListener, MediaCapacityError, MediaStartError, UnknownLegError
from media.worker import protocol as p
from media.worker.framing import FrameError
from media.worker.link import Link, LinkCounters, LinkLimits
from media.worker.log_forwarding import LEVELS

log = structlog.get_logger(__name__)

WELCOME_TIMEOUT_S = 20.0
CREATE_TIMEOUT_S = 2.0
CLOSE_TIMEOUT_S = 5.0
STATISTICS_TIMEOUT_S = 2.0
STOP_TIMEOUT_S = 8.0
# Requests without an answer yet; more than a worker can be asked for within their time-outs.
MAX_REQUESTS = 2048
# Closed legs that are remembered for the end of their recordings.
MAX_FINISHING = 4096


class WorkerLostError(Exception):
    """The worker ended, or was given up, before it answered."""


class WorkerMismatchError(MediaStartError):
    """The worker runs other code than this process."""


@dataclass(slots=True)
class _RemoteLeg:
    listener: EventListener
    port: int = 0
    # Events wait until whoever made the leg has got it.
    early: list[Event] | None = field(default_factory=list)
    recordings: deque[str] = field(default_factory=deque)  # begun and not finished yet, by path
    closed: bool = False


T = TypeVar("T", bound=p.Answer)


class WorkerPlane:
    """A `MediaPlane` at the other end of a socket.

    `on_heartbeat` hears each heartbeat, `on_lost` once why the link is over, unless `close` ended it.
    `on_port_free` is told each port whose leg is gone.
    """

    def __init__(
        self,
        stream: socket.socket,
        settings: p.WorkerSettings,
        *,
        on_heartbeat: Callable[[p.Heartbeat], None] = lambda beat: None,
        on_lost: Callable[[str], None] = lambda reason: None,
        on_port_free: Callable[[int], None] = lambda port: None,
        name: str = "worker",
        limits: LinkLimits | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._stream = stream
        self._settings = settings
        self._on_heartbeat = on_heartbeat
        self._on_lost = on_lost
        self._on_port_free = on_port_free
        self._name = name
        self._link = Link(self._received, self._link_lost, limits)
        self._welcome: asyncio.Future[p.Welcome] = self._loop.create_future()
        self._requests: dict[int, asyncio.Future[p.Answer]] = {}
        self._last_request = 0
        self._legs: dict[str, _RemoteLeg] = {}
        self._live = 0
        self._finishing: deque[str] = deque()  # closed, perhaps with a recording on its way to the disk
        self._stopping = False
        self._lost: str | None = None
        self._heartbeat: p.Heartbeat | None = None
        self._created_since_beat = 0
        self.pid = 0

    async def start(self) -> None:
        """Greet the worker. Raises `MediaStartError` when it does not answer, and `WorkerMismatchError` when
        it cannot be spoken to.
        """
        await self._loop.create_unix_connection(lambda: self._link, sock=self._stream)
        self._link.send(p.encode_hello(self._settings))
        try:
            welcome = await asyncio.wait_for(self._welcome, WELCOME_TIMEOUT_S)
        except (TimeoutError, WorkerLostError, p.ProtocolError) as error:
            self.give_up(f"no welcome: {error or type(error).__name__}")
            raise MediaStartError(f"{self._name} did not start: {error or 'no answer'}") from error
        if not welcome.accepted:
            self.give_up(welcome.error)
            raise WorkerMismatchError(f"{self._name} runs other code: {welcome.error}")
        self.pid = welcome.pid

    async def close(self) -> None:
        """Have the worker end its legs and exit; at most `STOP_TIMEOUT_S`."""
        self._stopping = True
        if self._lost is None:
            self._link.send(p.encode(p.Stop()))
            try:
                await asyncio.wait_for(asyncio.shield(self._link.closed), STOP_TIMEOUT_S)
            except TimeoutError:
                self.give_up("did not stop in time")

    def give_up(self, reason: str) -> None:
        """The worker is not to be heard any more: its legs have failed."""
        self._fail(reason)
        self._link.give_up(reason)
        if not self._link.connected:
            self._stream.close()

    # --- MediaPlane ---

    async def create_leg(self, command: CreateLeg, listener: EventListener) -> LegCreated:
        """Raises `MediaCapacityError`, also when the worker cannot be asked; `WorkerLostError` is its cause
        then.
        """
        leg_id = command.leg_id
        if leg_id in self._legs:
            raise ValueError(f"leg {leg_id} exists")
        if self._lost is not None or self._link.congested or len(self._requests) >= MAX_REQUESTS:
            raise MediaCapacityError(f"{self._name} cannot be asked: {self._lost or 'it does not read'}")
        leg = self._legs[leg_id] = _RemoteLeg(listener)
        self._live += 1
        self._created_since_beat += 1
        try:
            request = p.CreateRequest(request_id=self._next_id(), command=command)
            answer = await self._ask(request, p.Created, CREATE_TIMEOUT_S)
        except (TimeoutError, WorkerLostError) as error:
            self._abandon(leg_id)
            raise MediaCapacityError(f"{self._name} did not answer: {error or 'timed out'}") from error
        except asyncio.CancelledError:
            self._abandon(leg_id)
            raise
        except BaseException:
            self._forget(leg_id)
            raise
        leg.port = answer.leg.port
        # In the next turn, when the caller of this has what it asked for.
        self._loop.call_soon(self._deliver_early, leg)
        return answer.leg

    def send(self, command: Command) -> None:
        leg = self._legs.get(command.leg_id)
        if leg is None or leg.closed:
            return
        if isinstance(command, CreateLeg):
            raise TypeError("legs are made by create_leg")
        if isinstance(command, StartRecording):
            leg.recordings.append(command.path)
        self._send(command)

    async def close_leg(self, leg_id: str) -> LegClosed:
        """Raises `UnknownLegError`, also when the worker was lost meanwhile, and `TimeoutError`."""
        leg = self._legs.get(leg_id)
        if leg is None or leg.closed:
            raise UnknownLegError(leg_id)
        request = p.CloseRequest(request_id=self._next_id(), leg_id=leg_id)
        try:
            return (await self._ask(request, p.Closed, CLOSE_TIMEOUT_S)).leg
        except WorkerLostError as error:
            raise UnknownLegError(leg_id) from error

    async def statistics(self, leg_id: str) -> LegStatistics:
        """Raises `UnknownLegError`, also when the worker was lost meanwhile, and `TimeoutError`."""
        leg = self._legs.get(leg_id)
        if leg is None or leg.closed:
            raise UnknownLegError(leg_id)
        request = p.StatisticsRequest(request_id=self._next_id(), leg_id=leg_id)
        try:
            return (await self._ask(request, p.Counted, STATISTICS_TIMEOUT_S)).statistics
        except WorkerLostError as error:
            raise UnknownLegError(leg_id) from error

    @property
    def legs(self) -> int:
        return self._live

    @property
    def ports_free(self) -> int:
        """By the last heartbeat, less what was asked for since."""
        if self._lost is not None or self._heartbeat is None:
            return 0
        return max(0, self._heartbeat.ports_free - self._created_since_beat)

    @property
    def state(self) -> str:
        if self._lost is not None:
            return self._lost
        if self._heartbeat is None:
            return "starting"
        return "ok" if self.ports_free > 0 else "no RTP port is free"

    # --- what the pool asks ---

    @property
    def lost(self) -> bool:
        """The worker is dead or given up."""
        return self._lost is not None

    @property
    def heartbeat(self) -> p.Heartbeat | None:
        """The last one."""
        return self._heartbeat

    @property
    def link_counters(self) -> LinkCounters:
        return self._link.counters

    # --- requests ---

    def _next_id(self) -> int:
        self._last_request += 1
        return self._last_request

    async def _ask(
        self,
        request: p.CreateRequest | p.CloseRequest | p.StatisticsRequest,
        kind: type[T],
        timeout_s: float,
    ) -> T:
        if self._lost is not None:
            raise WorkerLostError(self._lost)
        future: asyncio.Future[p.Answer] = self._loop.create_future()
        self._requests[request.request_id] = future
        try:
            self._link.send(p.encode(request))
            answer = await asyncio.wait_for(future, timeout_s)
        finally:
            self._requests.pop(request.request_id, None)
        if isinstance(answer, p.Refused):
            raise _ERRORS[answer.kind](answer.message)
        if not isinstance(answer, kind):
            raise p.ProtocolError(f"{type(answer).__name__} in answer to {type(request).__name__}")
        return answer

    def _send(self, command: Command) -> None:
        """A command; one for the engine is dropped when the worker does not read, as the engine's own socket
        would drop it.
        """
        try:
            self._link.send(
                p.encode(p.Order(command=command)), droppable=isinstance(command, SendEngineMessage)
            )
        except FrameError as error:
            log.error("media_command_too_large", leg_id=command.leg_id, error=str(error))

    # --- what comes ---

    def _received(self, data: bytes) -> None:
        if not self._welcome.done():
            try:
                self._welcome.set_result(p.decode_welcome(data))
            except p.ProtocolError as error:
                self._welcome.set_exception(error)
            return
        try:
            message = p.decode_from_worker(data)
        except p.ProtocolError as error:
            log.error("media_message_unreadable", worker=self._name, error=str(error))
            return
        if isinstance(message, p.Told):
            self._told(message.event)
        elif isinstance(message, p.Heartbeat):
            self._heartbeat = message
            self._created_since_beat = 0
            self._on_heartbeat(message)
        elif isinstance(message, p.Logged):
            self._log(message)
        else:
            future = self._requests.get(message.request_id)
            if future is not None and not future.done():
                future.set_result(message)

    def _told(self, event: Event) -> None:
        leg = self._legs.get(event.leg_id)
        if leg is None:
            return
        if isinstance(event, RecordingFinished) and leg.recordings:
            leg.recordings.popleft()
        if isinstance(event, LegClosed):
            self._ended(leg)
            self._finishing.append(event.leg_id)
            if len(self._finishing) > MAX_FINISHING:
                self._legs.pop(self._finishing.popleft(), None)
        if leg.closed and not leg.recordings:
            self._legs.pop(event.leg_id, None)
        self._deliver(leg, event)

    def _deliver(self, leg: _RemoteLeg, event: Event) -> None:
        if leg.early is not None:
            leg.early.append(event)
            return
        try:
            leg.listener(event)
        except Exception:
            log.exception("media_listener_failed", media_event=type(event).__name__, leg_id=event.leg_id)

    def _deliver_early(self, leg: _RemoteLeg) -> None:
        early, leg.early = leg.early or [], None
        for event in early:
            self._deliver(leg, event)

    def _ended(self, leg: _RemoteLeg) -> None:
        """The leg holds no port any more; a recording of it may still be on its way to the disk."""
        if not leg.closed:
            leg.closed = True
            self._live -= 1
            if leg.port:
                self._on_port_free(leg.port)

    def _forget(self, leg_id: str) -> None:
        leg = self._legs.pop(leg_id, None)
        if leg is not None:
            self._ended(leg)

    def _abandon(self, leg_id: str) -> None:
        """Nobody waits for this leg any more, but the worker may have made it, or may yet."""
        self._forget(leg_id)
        self._send(CloseLeg(leg_id=leg_id))

    def _log(self, message: p.Logged) -> None:
        level = message.level if message.level in LEVELS else "info"
        getattr(log, level)(message.event, **{**message.fields, "worker": self._name})

    # --- the end ---

    def _link_lost(self, reason: str) -> None:
        self._fail(reason)

    def _fail(self, reason: str) -> None:
        """Every leg has failed, every request is answered, whoever watches is told."""
        if self._lost is not None:
            return
        self._lost = reason
        if not self._welcome.done():
            self._welcome.set_exception(WorkerLostError(reason))
            self._welcome.exception()  # whoever waited has it; if nobody did, that is no fault
        for future in self._requests.values():
            if not future.done():
                future.set_exception(WorkerLostError(reason))
        legs, self._legs = self._legs, {}
        for leg_id, leg in legs.items():
            for path in leg.recordings:
                self._deliver_later(
                    leg, RecordingFinished(leg_id=leg_id, path=path, duration_ms=0, error=reason)
                )
            if not leg.closed:
                self._ended(leg)
                self._deliver_later(leg, LegFailed(leg_id=leg_id, error=f"{self._name}: {reason}"))
        if not self._stopping:
            self._on_lost(reason)

    def _deliver_later(self, leg: _RemoteLeg, event: Event) -> None:
        self._loop.call_soon(functools.partial(self._deliver, leg, event))


_ERRORS: dict[p.RefusalKind, type[Exception]] = {
    p.RefusalKind.NO_CAPACITY: MediaCapacityError,
    p.RefusalKind.UNKNOWN_LEG: UnknownLegError,
    p.RefusalKind.FAULT: RuntimeError,
}
