"""What the far party of a leg hears instead of the agent: keys as tones, music on hold, a file, nothing.

They come in this order when several are wanted at once. Words of the agent that nobody is to hear, on hold
and while it is muted, are taken from the queue all the same: they must not be heard afterwards. A file that
is played, and keys, let them wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

import structlog

from media import messages
from media.dtmf_sender import DigitsError
from media.dtmf_tones import tones
from media.messages import Event
from media.playback import FilePlayback, Player

log = structlog.get_logger(__name__)

# Keys of the other leg that wait while one sounds; more are dropped.
MAX_WAITING_KEYS = 16


class Voice(Protocol):
    """What is heard unless it is replaced: the agent, mostly."""

    def take(self) -> bytes | bytearray | None:
        """The next 20 ms, None for silence."""


class LegSpeaker:
    """One leg's replacements for the agent. `emit` takes the events of their ends."""

    __slots__ = (
        "_emit",
        "_hold",
        "_leg_id",
        "_mute",
        "_playback",
        "_player",
        "_tones",
        "_waiting_keys",
        "only_agent",
    )

    def __init__(self, leg_id: str, player: Player, emit: Callable[[Event], None]) -> None:
        self._leg_id = leg_id
        self._player = player
        self._emit = emit
        self._mute = False
        # Keys that are sent as sound; `play_id` holds those of which it is told.
        self._tones: FilePlayback | None = None
        self._waiting_keys: deque[FilePlayback] = deque()  # of the other leg
        self._hold: FilePlayback | None = None  # the music while the far party is on hold
        self._playback: FilePlayback | None = None
        self.only_agent = True  # the far party simply hears the agent, as it does most of the time

    @property
    def held(self) -> bool:
        """The far party is on hold."""
        return self._hold is not None

    @property
    def sends_tones(self) -> bool:
        """Keys are sent as sound now, at their own level."""
        return self._tones is not None

    @property
    def replaced(self) -> bool:
        """The agent is muted, or the far party listens to music or a file."""
        return self._mute or self._playback is not None or self._hold is not None

    @property
    def passes_words(self) -> bool:
        """What is taken from the agent's queue is heard; else it is taken for nobody."""
        return not self._mute and self._hold is None

    def _choose(self) -> None:
        replaced = self._tones is not None or self._hold is not None or self._playback is not None
        self.only_agent = not replaced and not self._mute

    def frame(self, voice: Voice) -> bytes | bytearray | None:
        """The next 20 ms when it is not simply the agent's."""
        frame: bytes | bytearray | None
        if self._mute and self._hold is None and (self._tones is not None or self._playback is not None):
            voice.take()  # a muted agent's words do not wait
        if self._tones is not None:
            frame = self._tones.take()
            if self._tones.finished:
                self._end_tones()
            return frame
        if self._hold is not None:
            voice.take()
            return self._hold.take()
        if self._playback is not None:
            frame = self._playback.take()
            if self._playback.finished:
                self.end_playback(complete=True)
        else:
            frame = voice.take()
        return None if self._mute else frame

    def mute(self, muted: bool) -> None:
        """Whether the far party hears silence instead of the agent."""
        self._mute = muted
        self._choose()

    def send_tones(self, command: messages.SendDigits, rate: int, *, told: bool = True) -> None:
        """Keys as sound. Raises `DigitsError` for what is no key, and while others sound; those that are not
        `told` of may wait for a while.
        """
        if self._tones is not None and (told or len(self._waiting_keys) >= MAX_WAITING_KEYS):
            raise DigitsError("tones are being sent")
        sound = tones(command.digits, command.tone_ms, command.gap_ms, rate)
        keys = FilePlayback(command.digits if told else "", rate, audio=sound)
        if self._tones is not None:
            self._waiting_keys.append(keys)
            return
        self._tones = keys
        self._choose()

    def _end_tones(self) -> None:
        sent, self._tones = self._tones, self._waiting_keys.popleft() if self._waiting_keys else None
        self._choose()
        if sent is not None and sent.play_id:
            self._emit(messages.DigitsSent(leg_id=self._leg_id, digits=sent.play_id))

    def hold(self, music_path: str | None, rate: int) -> None:
        """Music from now on; a tone of our own when there is no file."""
        self._hold = self._player.hold_music(music_path, rate)
        self._choose()

    def resume(self) -> None:
        """The end of the hold."""
        self._hold = None
        self._choose()

    def play(self, command: messages.Play, rate: int) -> None:
        """A file in place of the one that is played, if any."""
        if self._playback is not None:
            self.end_playback(complete=False)
        self._playback = self._player.play(
            command.play_id, command.path, rate, loop=command.loop, volume=command.volume
        )
        self._choose()

    def stop_play(self, play_id: str) -> None:
        """End a file before its end; another one's is left alone."""
        if self._playback is not None and self._playback.play_id == play_id:
            self.end_playback(complete=False)

    def end_playback(self, *, complete: bool) -> None:
        """The file is over, or everything is."""
        playback, self._playback = self._playback, None
        self._choose()
        if playback is not None:
            self._emit(
                messages.PlayFinished(
                    leg_id=self._leg_id,
                    play_id=playback.play_id,
                    complete=complete and playback.error is None,
                    error=playback.error,
                )
            )

    def housekeeping(self, rate: int) -> None:
        """Music that cannot be played gives way to the tone."""
        if self._hold is not None and self._hold.error is not None:
            log.warning("hold_music_unplayable", leg_id=self._leg_id, reason=self._hold.error)
            self._hold = self._player.hold_music(None, rate)
