"""`limit` and `offset` of every list: out of range is refused, not corrected silently."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

MAX_LIMIT = 100
MAX_OFFSET = 2**31 - 1

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many to return.")]
Offset = Annotated[int, Query(ge=0, le=MAX_OFFSET, description="How many to skip.")]
