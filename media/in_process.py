"""The media plane on one event loop, the gateway's own or a worker's: legs, their ports and sockets, one
clock, one file thread.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from media.clock import Clocked, MediaClock
from media.config import MediaConfig
from media.file_thread import FileThread
from media.handshakes import Handshakes
from media.leg import Leg
from media.messages import (
    CloseLeg,
    Command,
    CreateLeg,
    Event,
    LegClosed,
    LegCreated,
    LegFailed,
    LegStatistics,
    Patch,
    PatchEnded,
)
from media.patch import patch
from media.plane import EventListener, MediaCapacityError, MediaPlane, UnknownLegError
from media.playback import Player
from media.ports import PortPool
from media.recorder import Recorder
from media.sockets import SocketPoller, bind_host_for, bind_pair
from media.ultravox.socket import prepare_tls

log = structlog.get_logger(__name__)

# How many ports are tried before a host on which nothing can be bound counts as full.
MAX_BIND_ATTEMPTS = 64
# Datagrams read from one socket at one wake-up: what a second of stall leaves.
MAX_READ_ROUNDS = 64
FILE_THREAD_CLOSE_S = 5.0


@dataclass(frozen=True, slots=True)
class PlaneStatistics:
    """Counters of the whole plane since it was started."""

    legs: int
    ports_free: int
    ports_unbindable: int
    late_ticks: int
    max_lateness_ms: float
    slots_skipped: int
    recording_frames_dropped: int


class InProcessMediaPlane(MediaPlane):
    """A `MediaPlane` on the event loop of its caller."""

    def __init__(self, config: MediaConfig, *, own_loop: bool = False) -> None:
        """`own_loop`: the loop serves this plane alone and may sleep from slot to slot (`MediaClock`)."""
        self._config = config
        self._own_loop = own_loop
        self._ports = PortPool(
            config.port_low, config.port_high, config.port_rest_s, reserved=frozenset(config.reserved_ports)
        )
        self._legs: dict[str, tuple[Leg, int, EventListener]] = {}
        self._files = FileThread()
        self._recorder = Recorder(self._files, config.recording_queue_bytes)
        # Decoding takes seconds, for which no recording should wait.
        self._decoding = FileThread("media-decoding")
        self._player = Player(self._decoding, config.play_max_s)
        self._poller: SocketPoller | None = None
        self._clock: MediaClock | None = None
        self._handshakes: Handshakes | None = None
        self._events: deque[tuple[EventListener, Event]] = deque()
        self._dispatching = False

    def rest_ports(self, seconds: Mapping[int, float]) -> None:
        """Keep ports out of use for so long each: the process before this one used them last."""
        now = time.monotonic()
        for port, left in seconds.items():
            self._ports.rest(port, now + left)

    async def start(self) -> None:
        """Start the clock; it runs while there are legs."""
        loop = asyncio.get_running_loop()
        # Reading the trusted certificates takes longer than several frames of all calls.
        await loop.run_in_executor(None, prepare_tls)
        self._handshakes = await loop.run_in_executor(None, Handshakes.prepare)
        self._poller = SocketPoller()
        self._clock = MediaClock(
            self._config.slot_ms,
            self._config.catch_up_ms,
            self._read_sockets,
            self._tick_failed,
            own_loop=self._own_loop,
        )

    async def close(self) -> None:
        """End every leg, finish what is being written, give back all sockets."""
        for leg_id in list(self._legs):
            await self.close_leg(leg_id)
        if self._clock is not None:
            self._clock.close()
            self._clock = None
        for thread in (self._decoding, self._files):
            await asyncio.get_running_loop().run_in_executor(None, thread.close, FILE_THREAD_CLOSE_S)
        await asyncio.sleep(0)  # what the file thread has told is passed on
        self._dispatch()
        if self._poller is not None:
            self._poller.close()
            self._poller = None

    # --- legs ---

    async def create_leg(self, command: CreateLeg, listener: EventListener) -> LegCreated:
        """Bind a port pair and serve it from now on. Raises `MediaCapacityError`."""
        if self._clock is None or self._poller is None:
            raise RuntimeError("the media plane is not started")
        if command.leg_id in self._legs:
            raise ValueError(f"leg {command.leg_id} exists")
        if command.beside is not None and command.beside not in self._legs:
            raise MediaCapacityError(f"leg {command.beside} is gone: nothing can be beside it")
        now = time.monotonic()
        port, sockets = self._bind(now, command.ipv6)
        clock = self._clock
        clock.stay_awake(now)
        leg = Leg(
            command,
            sockets,
            self._config,
            self._recorder,
            self._player,
            now,
            emit=lambda event: self._emit(listener, event),
            align=clock.align,
            handshakes=self._handshakes,
        )
        self._legs[command.leg_id] = (leg, port, listener)
        self._poller.add(sockets[0], leg.rtp.receiver.readable)
        self._poller.add(sockets[1], leg.rtp.rtcp_readable)
        clock.add(leg)
        return LegCreated(
            leg_id=command.leg_id,
            port=port,
            rtcp_port=port + 1,
            dtls_fingerprint=self._handshakes.fingerprint if self._handshakes is not None else "",
        )

    def _bind(self, now: float, ipv6: bool | None) -> tuple[int, tuple[socket.socket, socket.socket]]:
        for _ in range(MAX_BIND_ATTEMPTS):
            port = self._ports.take(now)
            if port is None:
                break
            try:
                return port, bind_pair(bind_host_for(self._config.bind_host, ipv6), port)
            except OSError as error:
                log.warning("rtp_port_not_bound", port=port, error=error.strerror)
                self._ports.reject(port, now)
        raise MediaCapacityError("no RTP port is free")

    def send(self, command: Command) -> None:
        """Carry out a command now. To a leg that is gone it is dropped."""
        entry = self._legs.get(command.leg_id)
        if entry is None:
            return
        leg, _, listener = entry
        if isinstance(command, CloseLeg):
            self._emit(listener, self._end(command.leg_id))
            return
        if isinstance(command, CreateLeg):
            raise TypeError("legs are made by create_leg")
        now = time.monotonic()
        if self._clock is not None:
            self._clock.stay_awake(now)
        try:
            if isinstance(command, Patch):
                self._patch(leg, listener, command)
            else:
                leg.execute(command, now)
        except Exception as error:
            log.exception("media_command_failed", leg_id=leg.leg_id, call_id=leg.call_id)
            self._emit(listener, LegFailed(leg_id=leg.leg_id, error=f"{type(command).__name__}: {error}"))

    def _patch(self, leg: Leg, listener: EventListener, command: Patch) -> None:
        other = self._legs.get(command.other_leg_id)
        reason = patch(leg, other[0] if other is not None else None, command.mode)
        if reason is not None:
            self._emit(
                listener,
                PatchEnded(leg_id=leg.leg_id, other_leg_id=command.other_leg_id, reason=reason),
            )

    def _unpatch(self, gone: Leg, reason: str) -> None:
        """Tell the leg that a leg which is gone was patched to."""
        left = gone.patch.lost(gone) if gone.patch is not None else None
        if left is not None and left.leg_id in self._legs:
            self._emit(
                self._legs[left.leg_id][2],
                PatchEnded(leg_id=left.leg_id, other_leg_id=gone.leg_id, reason=reason),
            )

    async def close_leg(self, leg_id: str) -> LegClosed:
        """End a leg. Its listener hears `LegClosed` too; only `RecordingFinished` may follow."""
        if leg_id not in self._legs:
            raise UnknownLegError(leg_id)
        listener = self._legs[leg_id][2]
        closed = self._end(leg_id)
        self._emit(listener, closed)
        return closed

    def _end(self, leg_id: str) -> LegClosed:
        leg, port, _ = self._legs.pop(leg_id)
        now = time.monotonic()
        if self._clock is not None:
            self._clock.remove(leg)
        self._unpatch(leg, "the other leg was closed")
        try:
            return LegClosed(leg_id=leg_id, statistics=leg.close(now))
        finally:
            for sock in leg.sockets:
                if self._poller is not None:
                    self._poller.remove(sock)
                sock.close()
            self._ports.release(port, now)

    async def statistics(self, leg_id: str) -> LegStatistics:
        entry = self._legs.get(leg_id)
        if entry is None:
            raise UnknownLegError(leg_id)
        return entry[0].statistics()

    @property
    def legs(self) -> int:
        return len(self._legs)

    @property
    def ports_free(self) -> int:
        return self._ports.free(time.monotonic())

    @property
    def state(self) -> str:
        return "ok" if self.ports_free > 0 else "no RTP port is free"

    def take_worst_lateness_s(self) -> float:
        """How late the clock was at worst since this was last asked."""
        return self._clock.schedule.take_worst_lateness_s() if self._clock is not None else 0.0

    def plane_statistics(self) -> PlaneStatistics:
        """Counters over all legs, for the metrics page."""
        schedule = self._clock.schedule if self._clock is not None else None
        return PlaneStatistics(
            legs=self.legs,
            ports_free=self.ports_free,
            ports_unbindable=self._ports.unbindable,
            late_ticks=schedule.late_ticks if schedule else 0,
            max_lateness_ms=round(schedule.max_lateness_s * 1000, 3) if schedule else 0.0,
            slots_skipped=schedule.slots_skipped if schedule else 0,
            recording_frames_dropped=self._recorder.frames_dropped,
        )

    # --- the clock's callbacks ---

    def _read_sockets(self, now: float) -> None:
        poller, clock = self._poller, self._clock
        if poller is None or clock is None:
            return
        poller.read(now)
        if now - clock.schedule.next_at > clock.schedule.slot_s:
            # After a stall more than one packet waits in each socket, and one a wake-up would never catch up.
            rounds = MAX_READ_ROUNDS
            while rounds and poller.read(now):
                rounds -= 1
        if self._handshakes is not None:
            self._handshakes.step(now)

    def _tick_failed(self, member: Clocked, error: Exception) -> None:
        """One leg's fault ends that leg only."""
        if not isinstance(member, Leg) or member.leg_id not in self._legs:
            return
        log.error("leg_failed", leg_id=member.leg_id, call_id=member.call_id, exc_info=error)
        listener = self._legs[member.leg_id][2]
        if self._clock is not None:
            self._clock.remove(member)
        self._emit(listener, LegFailed(leg_id=member.leg_id, error=f"{type(error).__name__}: {error}"))
        self._unpatch(member, "the other leg has failed")

    # --- events ---

    def _emit(self, listener: EventListener, event: Event) -> None:
        """Pass an event on after what runs now: a listener may send commands, also in the middle of a
        tick.
        """
        self._events.append((listener, event))
        if not self._dispatching:
            self._dispatching = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    def _dispatch(self) -> None:
        self._dispatching = False
        events = self._events
        while events:
            listener, event = events.popleft()
            try:
                listener(event)
            except Exception:
                log.exception("media_listener_failed", media_event=type(event).__name__, leg_id=event.leg_id)
