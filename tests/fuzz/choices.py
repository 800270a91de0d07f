"""Decisions out of bytes, so that a fuzzer which changes bytes changes a scenario."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Choices:
    """Reads `data` from the front; when it has run out every choice is the first one."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> bool:
        return self._at < len(self._data)

    def byte(self) -> int:
        if not self.left:
            return 0
        self._at += 1
        return self._data[self._at - 1]

    def one_of(self, options: Sequence[T]) -> T:
        return options[self.byte() % len(options)]

    def text(self) -> str:
        """Up to 255 bytes, as the parser would hand over a header value: stripped, and on one line."""
        length = self.byte()
        raw = self._data[self._at : self._at + length]
        self._at += length
        return raw.decode("utf-8", "surrogateescape").replace("\r", " ").replace("\n", " ").strip()
