"""What every section of the configuration is made of."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}


def parse_duration(value: object) -> float:
    """Seconds from `30`, `1.5`, `"30s"`, `"500ms"`, `"5m"` or `"1h"`. Raises `ValueError`."""
    if isinstance(value, bool):
        raise ValueError("a duration is a number of seconds or text such as 30s")
    if isinstance(value, int | float):
        return float(value)
    match = _DURATION.fullmatch(str(value).strip())
    if match is None:
        raise ValueError("a duration is a number of seconds or text such as 500ms, 30s, 5m, 1h")
    return float(match[1]) * _SECONDS[match[2]]


Duration = Annotated[float, BeforeValidator(parse_duration), Field(ge=0)]


class Section(BaseModel):
    """A table of the file: unknown keys are mistakes, not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)
