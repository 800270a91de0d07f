"""One leg's line to the engine: the caller's audio up, the agent's audio down, data messages turned into
events.

The engine needs a continuous stream, so one frame goes up each tick whether the caller speaks or not. What
the caller says before the engine listens is kept in a ring and delivered afterwards, a little faster than
real time.
"""

from __future__ import annotations

import audioop
from collections import deque
from collections.abc import Callable
from typing import Any

from media import messages
from media.messages import AttachEngine, Event
from media.playout import Playout
from media.rate_bridge import RateBridge
from media.ultravox.socket import EngineSocket
from media.utterances import Played, Utterances

FRAME_MS = 20
# A frame below this level at the head of the ring is not worth delivering late (about -46 dBFS).
QUIET_RMS = 160
# How many frames go up in one tick while the ring is emptied.
FRAMES_PER_TICK = 2
# Audio beyond the buffer promised to the engine, which reckons with less delay than there is.
PLAYOUT_SLACK_MS = 2_000
NORMAL_CLOSE_CODES = frozenset({1000, 1005})


class EngineLink:
    """The line of one leg. `emit` takes events; `media_ms` tells the leg's audio clock."""

    __slots__ = (
        "_connection",
        "_converts",
        "_emit",
        "_frame_silence",
        "_leg_id",
        "_media_ms",
        "_open",
        "_playout",
        "_resting",
        "_ring",
        "_sample_rate",
        "_utterances",
        "barge_ins",
        "frames_sent",
    )

    def __init__(
        self,
        leg_id: str,
        playout: Playout,
        sample_rate: int,
        ring_ms: int,
        emit: Callable[[Event], None],
        media_ms: Callable[[], int],
    ) -> None:
        self._leg_id = leg_id
        self._playout = playout
        self._sample_rate = sample_rate
        self._emit = emit
        self._media_ms = media_ms
        self._ring: deque[bytes] = deque(maxlen=ring_ms // FRAME_MS)
        self._connection: _Connection | None = None
        self._open: EngineSocket | None = None
        self._converts = False
        self._resting = False  # nobody talks with the agent now
        self._frame_silence = bytes(sample_rate * FRAME_MS // 1000 * 2)
        self._utterances = Utterances()
        self.frames_sent = 0
        self.barge_ins = 0

    def run_at(self, sample_rate: int, playout: Playout) -> None:
        """Another rate for the leg (8000 or 16000 Hz), before a socket exists. The caller's words that wait
        are converted.
        """
        bridge = RateBridge(self._sample_rate, sample_rate)
        waiting = [bridge.inward(frame) for frame in self._ring]
        self._ring.clear()
        self._ring.extend(frame for frame in waiting if frame is not None)
        self._sample_rate = sample_rate
        self._playout = playout
        self._frame_silence = bytes(sample_rate * FRAME_MS // 1000 * 2)

    @property
    def attached(self) -> bool:
        """A socket exists, open or on its way."""
        return self._connection is not None

    def attach(self, command: AttachEngine) -> None:
        """Open a socket; one that exists is left to close and is not heard any more."""
        self._abandon()
        self._tell_played(self._utterances.cleared(self._playout.played_bytes))
        self._utterances.restart()
        self._converts = command.sample_rate != self._sample_rate
        self._playout.set_limit(command.buffer_ms + PLAYOUT_SLACK_MS)
        self._connection = _Connection(self, command, self._playout, self._sample_rate)
        if self._resting:
            self._connection.silence()
        self._connection.socket.start()

    def detach(self) -> None:
        """Close normally and forget what was not played."""
        connection = self._connection
        if connection is None:
            return
        self._abandon()
        self._forget_unplayed()
        self._emit(
            messages.EngineClosed(
                leg_id=self._leg_id, code=1000, reason="detached", normal=True, opened=connection.opened
            )
        )

    def close(self) -> None:
        """The leg ends: close the socket. Told is only what of the agent's words was played."""
        self._abandon()
        self._forget_unplayed()
        self._ring.clear()

    def change_partner(self, *, resting: bool) -> None:
        """The agent talks with somebody else from now on, or with nobody (`resting`), to whom nothing is
        passed on in either direction: what was on its way was meant for other ears.
        """
        self._ring.clear()
        playout, connection = self._playout, self._connection
        odd = (playout.queued_bytes - playout.played_bytes) % 2 == 1
        self._forget_unplayed()
        if connection is not None and resting is not self._resting:
            if resting:
                connection.silence(odd=odd)
            else:
                connection.hear(playout)
        self._resting = resting

    def send_message(self, message: dict[str, Any]) -> None:
        if self._connection is not None:
            self._connection.socket.send_message(message)

    def deliver(self, frame: bytes | None) -> None:
        """Once each tick: 20 ms of the caller's audio, None for silence."""
        socket = self._open
        if socket is None:
            if frame is not None:
                self._ring.append(frame)
            return
        if frame is None:
            frame = self._frame_silence
        if self._ring or self._converts:
            self._deliver_slowly(socket, frame)
        else:
            socket.send_audio(frame)
            self.frames_sent += 1

    def _deliver_slowly(self, socket: EngineSocket, frame: bytes) -> None:
        """The same while the ring is emptied, or with another sample rate than the leg's."""
        ring = self._ring
        for _ in range(FRAMES_PER_TICK - 1):
            if ring:
                self._send(socket, ring.popleft())
        ring.append(frame)
        self._send(socket, ring.popleft())

    def _send(self, socket: EngineSocket, frame: bytes) -> None:
        if self._connection is not None and self._converts:
            frame = self._connection.upward(frame)
        socket.send_audio(frame)
        self.frames_sent += 1

    def _abandon(self) -> None:
        connection, self._connection = self._connection, None
        self._open = None
        if connection is not None:
            connection.silence()
            connection.socket.close()

    # --- called by the connection ---

    def hears(self, connection: _Connection) -> bool:
        """Whether this is the present connection and not one that was left."""
        return connection is self._connection

    def opened(self, connection: _Connection, connect_ms: float) -> None:
        ring = self._ring
        while ring and audioop.rms(ring[0], 2) < QUIET_RMS:
            ring.popleft()
        self._open = connection.socket
        self._emit(messages.EngineOpened(leg_id=self._leg_id, connect_ms=connect_ms))

    def closed(self, code: int, reason: str, opened: bool) -> None:
        self._connection = None
        self._open = None
        normal = opened and (code in NORMAL_CLOSE_CODES or self._resting)
        if not normal:
            # The engine's own history ends about here as well; a queued farewell is played only on a normal
            # end.
            self._forget_unplayed()
        self._emit(
            messages.EngineClosed(leg_id=self._leg_id, code=code, reason=reason, normal=normal, opened=opened)
        )

    def message(self, message: dict[str, Any]) -> None:
        match message.get("type"):
            case "playback_clear_buffer":
                self.barge_ins += 1
                dropped = self._forget_unplayed()
                self._emit(messages.PlaybackCleared(leg_id=self._leg_id, dropped_ms=dropped))
            case "state" if isinstance(message.get("state"), str):
                self._utterances.speaking(message["state"] == "speaking", self._playout.queued_bytes)
                self._emit(messages.EngineStateChanged(leg_id=self._leg_id, state=message["state"]))
            case "transcript" if (words := self._transcript(message)) is not None:
                self._emit(words)
                if words.role == "agent":
                    self._tell_played(self._utterances.named(words.ordinal, self._playout.queued_bytes))
            case "client_tool_invocation" if (event := self._tool(message)) is not None:
                self._emit(event)
            case _:
                self._emit(messages.EngineMessageReceived(leg_id=self._leg_id, message=message))

    def heard(self, heard: bool) -> None:
        """Whether the far party hears what leaves the queue, or it is taken for nobody (hold, mute)."""
        self._tell_played(self._utterances.audible(heard, self._playout.played_bytes))

    def housekeeping(self) -> None:
        """Tell which utterances were played by now."""
        self._tell_played(self._utterances.settle(self._playout.played_bytes))

    def _forget_unplayed(self) -> int:
        """Empty the queue; how many milliseconds were in it. Utterances in it are cut short there."""
        self._tell_played(self._utterances.cleared(self._playout.played_bytes))
        return self._playout.clear()

    def _tell_played(self, utterances: list[Played]) -> None:
        for utterance in utterances:
            self._emit(
                messages.UtterancePlayed(
                    leg_id=self._leg_id,
                    ordinal=utterance.ordinal,
                    played_ms=self._playout.ms(utterance.played),
                    interrupted=utterance.interrupted,
                )
            )

    def _transcript(self, message: dict[str, Any]) -> messages.TranscriptReceived | None:
        role, ordinal = message.get("role"), message.get("ordinal")
        if not isinstance(role, str) or not isinstance(ordinal, int):
            return None
        text, delta = message.get("text"), message.get("delta")
        return messages.TranscriptReceived(
            leg_id=self._leg_id,
            role=role,
            ordinal=ordinal,
            final=bool(message.get("final")),
            # Beside a delta an empty text means nothing.
            text=text if isinstance(text, str) and (text or not delta) else None,
            delta=delta if isinstance(delta, str) else None,
            media_ms=self._media_ms(),
        )

    def _tool(self, message: dict[str, Any]) -> Event | None:
        name, invocation = message.get("toolName"), message.get("invocationId")
        parameters = message.get("parameters")
        if not isinstance(name, str) or not isinstance(invocation, str):
            return None
        return messages.ToolInvoked(
            leg_id=self._leg_id,
            tool_name=name,
            invocation_id=invocation,
            parameters=parameters if isinstance(parameters, dict) else {},
        )


class _Connection:
    """Hears one socket; once the link has another one it is deaf."""

    __slots__ = (
        "_down",
        "_engine_rate",
        "_half_dropped",
        "_leg_rate",
        "_link",
        "_odd",
        "_put",
        "_up",
        "opened",
        "socket",
    )

    def __init__(self, link: EngineLink, command: AttachEngine, playout: Playout, leg_rate: int) -> None:
        self._link = link
        self.opened = False
        self._leg_rate = leg_rate
        self._engine_rate = command.sample_rate
        self._up: Any = None
        self._down: Any = None
        self._odd = b""
        self._half_dropped = False  # the first half of the sample that comes next was not heard
        self._put: Callable[[memoryview | bytes], None] | None = playout.put
        self.socket = EngineSocket(
            command.join_url, self, connect_timeout_s=command.connect_timeout_ms / 1000
        )

    def silence(self, *, odd: bool = False) -> None:
        """Hear nothing any more. `odd`: what was heard last, and forgotten, was half a sample."""
        self._half_dropped = odd
        self._put = None

    def hear(self, playout: Playout) -> None:
        """Hear again; what came in between is lost."""
        self._put = playout.put
        # The sample that is just coming is made whole, or all that follow would be shifted by half of one.
        half = self._half_dropped ^ (len(self._odd) == 1)
        self._odd = b""
        if half and self._engine_rate != self._leg_rate:
            self._odd = b"\0"
        elif half:
            playout.put(b"\0")

    def upward(self, frame: bytes) -> bytes:
        """A frame at the engine's rate."""
        converted, self._up = audioop.ratecv(frame, 2, 1, self._leg_rate, self._engine_rate, self._up)
        return converted

    def on_open(self, connect_ms: float) -> None:
        self.opened = True
        if self._link.hears(self):
            self._link.opened(self, connect_ms)

    def on_audio(self, data: memoryview | bytes) -> None:
        put = self._put
        if put is None:
            self._half_dropped ^= len(data) % 2 == 1
            return
        if self._engine_rate != self._leg_rate:
            data = self._downward(data)
        put(data)

    def _downward(self, data: memoryview | bytes) -> bytes:
        """A piece at the leg's rate; it may begin or end in the middle of a sample."""
        whole = self._odd + bytes(data)
        even = len(whole) & ~1
        self._odd = whole[even:]
        converted, self._down = audioop.ratecv(
            whole[:even], 2, 1, self._engine_rate, self._leg_rate, self._down
        )
        return converted

    def on_message(self, message: dict[str, Any]) -> None:
        if self._link.hears(self):
            self._link.message(message)

    def on_close(self, code: int, reason: str, opened: bool) -> None:
        if self._link.hears(self):
            self._link.closed(code, reason, opened)
