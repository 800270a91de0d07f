"""Several workers as one `MediaPlane`: each new call to the least loaded one, the dead replaced.

A worker is dead when its link ends, and when no heartbeat came during several looks in a row. Looks are
counted rather than seconds, so that a stall of this process, or of the whole machine, condemns nobody.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from media.config import MediaConfig
from media.messages import Command, CreateLeg, Event, LegClosed, LegCreated, LegFailed, LegStatistics
from media.plane import EventListener, MediaCapacityError, MediaStartError, UnknownLegError
from media.worker.client import STOP_TIMEOUT_S, WorkerPlane
from media.worker.load import LoadLimits, WorkerLoad
from media.worker.port_share import RestingPorts, split_ports
from media.worker.process import WorkerProcess
from media.worker.protocol import Heartbeat, WorkerSettings

log = structlog.get_logger(__name__)

# Workers whose shares differ by less are told apart by their calls: so small a difference is noise.
SAME_LOAD = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """How workers are watched. Durations are seconds."""

    heartbeat_s: float = 0.5
    # Looks without a heartbeat, one each `heartbeat_s`, after which a worker counts as stalled: 2.5 s.
    missed_looks: int = 5
    first_restart_s: float = 0.1
    longest_restart_s: float = 10.0
    # A worker that lived so long is restarted at once, however often others before it died.
    steady_s: float = 30.0
    load: LoadLimits = field(default_factory=LoadLimits)
    log_level: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStatus:
    """One worker as an operator sees it. Shares are of one processor core; counters of the process that
    serves now, apart from `restarts` and `stalls`.
    """

    index: int
    pid: int
    state: str  # ok, or why it takes no call
    up: bool
    legs: int
    ports_free: int
    cpu_share: float
    leg_share: float
    late_ticks: int
    worst_lateness_s: float
    longest_collection_s: float
    rss_bytes: int
    recording_frames_dropped: int
    messages_dropped: int
    restarts: int
    stalls: int


class _Worker:
    """One place for a worker: its part of the ports, and the process that serves there now."""

    def __init__(self, index: int, config: MediaConfig) -> None:
        self.index = index
        self.name = f"media worker {index}"
        self.config = config
        self.resting = RestingPorts(config.port_rest_s)
        self.process: WorkerProcess | None = None
        self.plane: WorkerPlane | None = None  # only while it serves
        self.load = WorkerLoad()
        self.missed = 0
        self.restarts = 0
        self.stalls = 0
        self.deaths = 0  # in a row
        self.started_at = 0.0
        self.trouble = "starting"


class WorkerPool:
    """A `MediaPlane` of several processes."""

    def __init__(self, config: MediaConfig, workers: int, settings: PoolSettings | None = None) -> None:
        """`config` is the whole's: its ports are divided. Raises `ValueError` when they are too few."""
        self._settings = settings or PoolSettings()
        self._workers = [
            _Worker(index, replace(config, port_low=low, port_high=high))
            for index, (low, high) in enumerate(split_ports(config.port_low, config.port_high, workers))
        ]
        self._owners: dict[str, WorkerPlane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._look_timer: asyncio.TimerHandle | None = None
        self._closing = False

    async def start(self) -> None:
        """Start every worker. Raises `MediaStartError` when one does not come up; none is left then."""
        results = await asyncio.gather(
            *(self._start_worker(worker) for worker in self._workers), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                await self.close()
                raise result
        loop = asyncio.get_running_loop()
        self._look_timer = loop.call_later(self._settings.heartbeat_s, self._look)

    async def close(self) -> None:
        """Stop every worker in order; one that does not is killed."""
        self._closing = True
        if self._look_timer is not None:
            self._look_timer.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(self._stop_worker(worker) for worker in self._workers))

    # --- MediaPlane ---

    async def create_leg(self, command: CreateLeg, listener: EventListener) -> LegCreated:
        """Make a leg on the least loaded worker that may take one; on the next when that fails. One that is
        to be beside another goes to its worker, or nowhere. Raises `MediaCapacityError`, which tells of each
        worker why not.
        """
        leg_id = command.leg_id
        if leg_id in self._owners:
            raise ValueError(f"leg {leg_id} exists")
        refusals: list[str] = []
        tried = self._elsewhere(command.beside)
        while (worker := self._least_loaded(tried)) is not None:
            tried.add(worker.index)
            plane = worker.plane
            assert plane is not None
            self._owners[leg_id] = plane
            try:
                return await plane.create_leg(command, self._forgetting(listener))
            except MediaCapacityError as error:
                self._owners.pop(leg_id, None)
                refusals.append(str(error))
            except BaseException:
                self._owners.pop(leg_id, None)
                raise
        refusals += [
            f"{other.name}: {self._state(other)}" for other in self._workers if other.index not in tried
        ]
        raise MediaCapacityError("; ".join(refusals))

    def _elsewhere(self, beside: str | None) -> set[int]:
        """The workers that need not be asked for a leg that is to be beside that one."""
        if beside is None:
            return set()
        owner = self._owners.get(beside)
        if owner is None or owner.lost:
            raise MediaCapacityError(f"leg {beside} is gone: nothing can be beside it")
        return {worker.index for worker in self._workers if worker.plane is not owner}

    def _forgetting(self, listener: EventListener) -> EventListener:
        """The listener, and the leg is forgotten with its last event."""

        def hear(event: Event) -> None:
            if isinstance(event, LegClosed) or (isinstance(event, LegFailed) and self._orphaned(event)):
                self._owners.pop(event.leg_id, None)
            listener(event)

        return hear

    def _orphaned(self, event: LegFailed) -> bool:
        """The leg failed with its worker, so that nothing is left to be closed."""
        owner = self._owners.get(event.leg_id)
        return owner is not None and owner.lost

    def send(self, command: Command) -> None:
        owner = self._owners.get(command.leg_id)
        if owner is not None:
            owner.send(command)

    async def close_leg(self, leg_id: str) -> LegClosed:
        owner = self._owners.get(leg_id)
        if owner is None:
            raise UnknownLegError(leg_id)
        return await owner.close_leg(leg_id)

    async def statistics(self, leg_id: str) -> LegStatistics:
        owner = self._owners.get(leg_id)
        if owner is None:
            raise UnknownLegError(leg_id)
        return await owner.statistics(leg_id)

    @property
    def legs(self) -> int:
        return sum(worker.plane.legs for worker in self._workers if worker.plane is not None)

    @property
    def ports_free(self) -> int:
        return sum(worker.plane.ports_free for worker in self._workers if worker.plane is not None)

    @property
    def state(self) -> str:
        states = [self._state(worker) for worker in self._workers]
        if "ok" in states:
            return "ok"
        return "; ".join(
            f"{worker.name}: {state}" for worker, state in zip(self._workers, states, strict=True)
        )

    # --- what an operator asks ---

    @property
    def workers(self) -> Sequence[WorkerStatus]:
        return [self._status(worker) for worker in self._workers]

    def _status(self, worker: _Worker) -> WorkerStatus:
        plane = worker.plane
        beat = plane.heartbeat if plane is not None else None
        return WorkerStatus(
            index=worker.index,
            pid=worker.process.pid if worker.process is not None else 0,
            state=self._state(worker),
            up=plane is not None,
            legs=plane.legs if plane is not None else 0,
            ports_free=plane.ports_free if plane is not None else 0,
            cpu_share=worker.load.cpu_share,
            leg_share=worker.load.leg_share,
            late_ticks=beat.late_ticks if beat else 0,
            worst_lateness_s=beat.worst_lateness_ms / 1000 if beat else 0.0,
            longest_collection_s=beat.longest_collection_ms / 1000 if beat else 0.0,
            rss_bytes=beat.rss_bytes if beat else 0,
            recording_frames_dropped=beat.recording_frames_dropped if beat else 0,
            messages_dropped=(beat.messages_dropped if beat else 0)
            + (plane.link_counters.dropped if plane is not None else 0),
            restarts=worker.restarts,
            stalls=worker.stalls,
        )

    # --- choosing ---

    def _least_loaded(self, tried: set[int]) -> _Worker | None:
        fit = [
            worker
            for worker in self._workers
            if worker.index not in tried and worker.plane is not None and self._state(worker) == "ok"
        ]
        return min(fit, key=self._load_key, default=None)

    @staticmethod
    def _load_key(worker: _Worker) -> tuple[int, int]:
        legs = worker.plane.legs if worker.plane is not None else 0
        return int(worker.load.projected(legs + 1) / SAME_LOAD), legs

    def _state(self, worker: _Worker) -> str:
        plane = worker.plane
        if plane is None:
            return worker.trouble
        if plane.state != "ok":
            return plane.state
        if worker.missed > 1:
            return "no heartbeat"
        return worker.load.refusal(plane.legs) or "ok"

    # --- the life of a worker ---

    async def _start_worker(self, worker: _Worker) -> None:
        process = worker.process = await WorkerProcess.start()
        settings = WorkerSettings(
            media=worker.config,
            resting_ports=worker.resting.left(time.monotonic()),
            heartbeat_s=self._settings.heartbeat_s,
            log_level=self._settings.log_level,
        )
        plane = WorkerPlane(
            process.stream,
            settings,
            on_heartbeat=lambda beat: self._beat(worker, beat),
            on_lost=lambda reason: self._lost(worker, plane, reason),
            on_port_free=lambda port: worker.resting.release(port, time.monotonic()),
            name=worker.name,
        )
        worker.load = WorkerLoad(self._settings.load)
        worker.missed = 0
        try:
            await plane.start()
        except BaseException:
            await process.kill()
            raise
        if plane.lost:
            raise MediaStartError(f"{worker.name} ended at once")
        worker.plane = plane
        worker.started_at = time.monotonic()
        log.info("media_worker_started", worker=worker.name, pid=process.pid)

    async def _stop_worker(self, worker: _Worker) -> None:
        plane, worker.plane = worker.plane, None
        worker.trouble = "stopped"
        if plane is not None:
            await plane.close()
        process = worker.process
        if process is not None and await process.wait(STOP_TIMEOUT_S / 2) is None:
            log.error("media_worker_killed", worker=worker.name, pid=process.pid)
            await process.kill()

    def _beat(self, worker: _Worker, beat: Heartbeat) -> None:
        worker.missed = 0
        worker.load.beat(beat)

    def _look(self) -> None:
        """Twice a second: has everybody been heard?"""
        for worker in self._workers:
            if worker.plane is None:
                continue
            worker.missed += 1
            if worker.missed > self._settings.missed_looks:
                worker.stalls += 1
                worker.plane.give_up("stalled: no heartbeat")
        loop = asyncio.get_running_loop()
        self._look_timer = loop.call_later(self._settings.heartbeat_s, self._look)

    def _lost(self, worker: _Worker, plane: WorkerPlane, reason: str) -> None:
        """The worker is dead, or is to die; its legs have been told."""
        if worker.plane is not plane:
            return  # it never served: whoever started it deals with it
        worker.plane = None
        worker.trouble = f"restarting: {reason}"
        if not self._closing:
            self._spawn(self._replace(worker, reason))

    async def _replace(self, worker: _Worker, reason: str) -> None:
        """Make sure that the old process is gone, then start another, at growing intervals while it fails."""
        settings = self._settings
        process = worker.process
        status = await process.kill(with_stack=True) if process is not None else None
        log.error(
            "media_worker_died", worker=worker.name, pid=process and process.pid, reason=reason, status=status
        )
        if time.monotonic() - worker.started_at >= settings.steady_s:
            worker.deaths = 0
        while True:
            wait_s = min(settings.first_restart_s * 2**worker.deaths, settings.longest_restart_s)
            worker.deaths = min(worker.deaths + 1, 16)
            await asyncio.sleep(wait_s)
            try:
                await self._start_worker(worker)
            except MediaStartError as error:
                worker.trouble = f"restarting: {error}"
                log.error("media_worker_not_started", worker=worker.name, error=str(error))
            else:
                worker.restarts += 1
                return

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
