"""What one far party hears of us before the answer. It goes straight to the line, at the codec's own rate: no
engine, recording or listener has any part in it.
"""

from __future__ import annotations

import structlog

from media.playback import FilePlayback, Player

log = structlog.get_logger(__name__)


class EarlyMedia:
    """Plays until it is stopped; nothing before the codec is known. Call `take` every 20 ms."""

    __slots__ = ("_path", "_player", "_rate", "_sound", "plays")

    def __init__(self, player: Player) -> None:
        self._player = player
        self._path: str | None = None
        self._rate: int | None = None
        self._sound: FilePlayback | None = None
        self.plays = False  # or waits for the codec

    def play(self, path: str | None, codec_rate: int | None) -> None:
        """This file from now on, or the ringing tone; `codec_rate` (Hz) is None before the negotiation."""
        self.plays = True
        self._path = path
        self._sound = self._rate = None
        self.run_at(codec_rate)

    def run_at(self, codec_rate: int | None) -> None:
        """The codec has this rate now; the sound begins anew when it had another one."""
        if self.plays and codec_rate is not None and codec_rate != self._rate:
            self._rate = codec_rate
            self._sound = self._player.early_media(self._path, codec_rate)

    def stop(self) -> None:
        self.plays = False
        self._sound = None

    def take(self) -> bytes | None:
        """The next 20 ms at the codec's rate, None for silence. A file that cannot be played gives way to the
        tone.
        """
        sound = self._sound
        if sound is None or self._rate is None:
            return None
        if sound.error is not None:
            log.warning("early_media_unplayable", reason=sound.error)
            sound = self._sound = self._player.early_media(None, self._rate)
        return sound.take()
