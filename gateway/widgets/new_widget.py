"""What a widget is made of, and how far visitors of a page may go with an agent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.errors import InvalidRequestError
from store.widget_records import MAX_AGENT_CALLS

MAX_CALLS = 1_000
MAX_CALLS_PER_MINUTE = 600
MAX_ORIGINS = 100
MAX_VISITOR_VARIABLES = 32
MAX_PUBLIC_NAME = 64

_variable = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,63}")
_public_name = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_hexadecimal = re.compile(r"[0-9a-f-]{32,36}")


@dataclass(frozen=True, slots=True)
class NewWidget:
    """The settings of a widget, as its owner gives them."""

    name: str
    agent_id: str | None
    enabled: bool = True
    allowed_origins: tuple[str, ...] = ()
    max_concurrent_calls: int = 10
    calls_per_minute: int = 5
    variables: dict[str, Any] = field(default_factory=dict)
    visitor_variables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """The settings of an agent's being open to visitors."""

    enabled: bool
    public_name: str | None = None
    max_concurrent_calls: int = MAX_AGENT_CALLS
    calls_per_minute: int = 5
    visitor_variables: tuple[str, ...] = ()


def checked_public_name(name: str | None) -> str | None:
    """Raises `InvalidRequestError` for a name that could not stand in an address, or looks like an id."""
    if name is None:
        return None
    if _public_name.fullmatch(name) is None or _hexadecimal.fullmatch(name) is not None:
        raise InvalidRequestError(
            "must be of lower-case letters, digits and hyphens, such as front-desk", field="public_name"
        )
    return name


def checked_variable_names(names: Sequence[str]) -> tuple[str, ...]:
    """Each once. Raises `InvalidRequestError` for one that no template can refer to."""
    for place, name in enumerate(names):
        if _variable.fullmatch(name) is None:
            raise InvalidRequestError(
                "must be a variable's name: letters, digits, _ and .", field=f"visitor_variables.{place}"
            )
    return tuple(dict.fromkeys(names))
