"""The worker's side: a media plane that obeys what comes over the link and tells what happens on it."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import time
from collections.abc import Coroutine
from typing import Any

import structlog

from media.in_process import InProcessMediaPlane
from media.messages import AudioHeard, EngineMessageReceived, EngineStateChanged, Event
from media.plane import MediaCapacityError, UnknownLegError
from media.worker import protocol as p
from media.worker.collector_watch import CollectorWatch
from media.worker.link import Link
from media.worker.log_forwarding import forward_logs

log = structlog.get_logger(__name__)

HELLO_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 6.0
EXIT_OK, EXIT_MISMATCH, EXIT_NO_HELLO = 0, 3, 4
# A gateway that does not read loses these first: nothing waits for them.
DISPENSABLE = (AudioHeard, EngineMessageReceived, EngineStateChanged)

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class WorkerServer:
    """One worker for one gateway. `run` returns when the gateway says stop, or is gone."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._link = Link(self._received, self._lost)
        self._hello: asyncio.Future[bytes] = self._loop.create_future()
        self._over: asyncio.Future[str] = self._loop.create_future()
        self._plane: InProcessMediaPlane | None = None
        self._creating: dict[str, list[p.Order]] = {}  # what came for legs that are being made
        self._tasks: set[asyncio.Task[None]] = set()
        self._collector = CollectorWatch()
        self._beat_timer: asyncio.TimerHandle | None = None
        self._beat_due = 0.0

    async def run(self, stream: socket.socket) -> int:
        """Serve the gateway at the other end of `stream`; the exit code."""
        await self._loop.create_unix_connection(lambda: self._link, sock=stream)
        try:
            async with asyncio.timeout(HELLO_TIMEOUT_S):
                settings = await self._greet()
        except (TimeoutError, asyncio.CancelledError):
            self._link.give_up("no hello")
            return EXIT_NO_HELLO
        if settings is None:
            self._link.close()
            await self._link.closed
            return EXIT_MISMATCH
        forward_logs(self._log, settings.log_level)
        plane = self._plane = InProcessMediaPlane(settings.media, own_loop=True)
        plane.rest_ports(settings.resting_ports)
        await plane.start()
        # What lives from the start on need not be looked at again in every collection.
        gc.collect()
        gc.freeze()
        self._collector.start()
        self._welcome(accepted=True)
        self._beat(settings.heartbeat_s, self._loop.time())
        await self._over
        await self._close(plane)
        return EXIT_OK

    # --- begin and end ---

    async def _greet(self) -> p.WorkerSettings | None:
        hello = p.decode_hello(await self._hello)
        error = p.mismatch(hello.version, hello.fingerprint)
        if error is not None:
            self._welcome(accepted=False, error=error)
            return None
        return p.decode_settings(hello)

    def _welcome(self, *, accepted: bool, error: str = "") -> None:
        self._link.send(
            p.encode_welcome(
                p.Welcome(
                    version=p.PROTOCOL_VERSION,
                    fingerprint=p.fingerprint(),
                    accepted=accepted,
                    pid=os.getpid(),
                    error=error,
                )
            )
        )

    async def _close(self, plane: InProcessMediaPlane) -> None:
        """Engines are told, recordings finished; whatever hangs is left behind after a while."""
        if self._beat_timer is not None:
            self._beat_timer.cancel()
        self._collector.stop()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await plane.close()
                self._link.close()
                await self._link.closed
        except TimeoutError:
            self._link.give_up("closing took too long")

    def _lost(self, reason: str) -> None:
        """The gateway is gone."""
        if not self._hello.done():
            self._hello.cancel()
        self._end(reason)

    def _end(self, reason: str) -> None:
        if not self._over.done():
            self._over.set_result(reason)

    # --- what comes ---

    def _received(self, data: bytes) -> None:
        if not self._hello.done():
            self._hello.set_result(data)
            return
        try:
            message = p.decode_to_worker(data)
        except p.ProtocolError as error:
            log.error("media_message_unreadable", error=str(error))
            return
        plane = self._plane
        if plane is None:
            log.error("media_message_too_early", message=type(message).__name__)
        elif isinstance(message, p.Order):
            self._obey(plane, message)
        elif isinstance(message, p.CreateRequest):
            self._creating[message.command.leg_id] = []
            self._run(message.request_id, self._create(plane, message))
        elif isinstance(message, p.CloseRequest):
            self._run(message.request_id, self._close_leg(plane, message))
        elif isinstance(message, p.StatisticsRequest):
            self._run(message.request_id, self._statistics(plane, message))
        else:
            self._end("stop")

    def _obey(self, plane: InProcessMediaPlane, order: p.Order) -> None:
        early = self._creating.get(order.command.leg_id)
        if early is not None:
            early.append(order)
        else:
            plane.send(order.command)

    def _run(self, request_id: int, work: Coroutine[Any, Any, p.Answer]) -> None:
        task = self._loop.create_task(self._answer(request_id, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, request_id: int, work: Coroutine[Any, Any, p.Answer]) -> None:
        answer: p.Answer
        try:
            answer = await work
        except MediaCapacityError as error:
            answer = _refused(request_id, p.RefusalKind.NO_CAPACITY, error)
        except UnknownLegError as error:
            answer = _refused(request_id, p.RefusalKind.UNKNOWN_LEG, error)
        except Exception as error:
            log.exception("media_request_failed")
            answer = _refused(request_id, p.RefusalKind.FAULT, error)
        self._link.send(p.encode(answer))

    async def _create(self, plane: InProcessMediaPlane, request: p.CreateRequest) -> p.Created:
        leg_id = request.command.leg_id
        try:
            leg = await plane.create_leg(request.command, self._tell)
        finally:
            for order in self._creating.pop(leg_id):
                plane.send(order.command)
        return p.Created(request_id=request.request_id, leg=leg)

    async def _close_leg(self, plane: InProcessMediaPlane, request: p.CloseRequest) -> p.Closed:
        return p.Closed(request_id=request.request_id, leg=await plane.close_leg(request.leg_id))

    async def _statistics(self, plane: InProcessMediaPlane, request: p.StatisticsRequest) -> p.Counted:
        statistics = await plane.statistics(request.leg_id)
        return p.Counted(request_id=request.request_id, statistics=statistics)

    # --- what goes ---

    def _tell(self, event: Event) -> None:
        self._link.send(p.encode(p.Told(event=event)), droppable=isinstance(event, DISPENSABLE))

    def _log(self, level: str, event: str, fields: dict[str, Any]) -> None:
        self._link.send(p.encode(p.Logged(level=level, event=event, fields=fields)), droppable=True)

    def _beat(self, interval_s: float, due: float) -> None:
        """One heartbeat, and the next on an absolute schedule that forgets what was missed."""
        plane = self._plane
        assert plane is not None
        now = self._loop.time()
        counters = plane.plane_statistics()
        lateness = max(now - due, plane.take_worst_lateness_s())
        self._link.send(
            p.encode(
                p.Heartbeat(
                    at=time.monotonic(),
                    cpu_s=time.process_time(),
                    legs=counters.legs,
                    ports_free=counters.ports_free,
                    late_ticks=counters.late_ticks,
                    slots_skipped=counters.slots_skipped,
                    worst_lateness_ms=round(lateness * 1000, 3),
                    recording_frames_dropped=counters.recording_frames_dropped,
                    messages_dropped=self._link.counters.dropped,
                    longest_collection_ms=round(self._collector.take_longest_s() * 1000, 3),
                    rss_bytes=_resident_bytes(),
                )
            )
        )
        following = max(due + interval_s, now)
        self._beat_timer = self._loop.call_at(following, self._beat, interval_s, following)


def _refused(request_id: int, kind: p.RefusalKind, error: Exception) -> p.Refused:
    return p.Refused(request_id=request_id, kind=kind, message=str(error) or type(error).__name__)


def _resident_bytes() -> int:
    """Memory in use; 0 where `/proc` is not."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * PAGE_BYTES
    except OSError:
        return 0
