"""How values that SQL has no plain type for are written into columns, and read back.

Done by hand and not by SQLAlchemy's types: the hot statements are executed with ready tuples
(`store.bulk`), where type processors would not run.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()


def to_microseconds(moment: datetime) -> int:
    """Whole microseconds since 1970 UTC. A naive time is a programming error and raises `TypeError`."""
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def to_microseconds_or_none(moment: datetime | None) -> int | None:
    return None if moment is None else to_microseconds(moment)


def from_microseconds(value: int) -> datetime:
    """The aware UTC time of a column."""
    return _EPOCH + timedelta(microseconds=value)


def from_microseconds_or_none(value: int | None) -> datetime | None:
    return None if value is None else from_microseconds(value)


def to_json(value: Any) -> str:
    """JSON text of plain values, dataclasses and tuples."""
    return _encoder.encode(value).decode()


def to_json_or_none(value: Any) -> str | None:
    return None if value is None else to_json(value)


def from_json(text: str) -> Any:
    return _decoder.decode(text)


def from_json_or_none(text: str | None) -> Any:
    return None if text is None else _decoder.decode(text)
