"""Who may start browser calls without a key, as plain immutable records."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

MAX_AGENT_CALLS = 50
"""Calls of visitors at once with an agent, through widgets too, unless its owner set another number."""


@dataclass(frozen=True, slots=True)
class Widget:
    """A way for visitors of some pages to speak with an agent. `public_id` stands in those pages and is no
    secret: the origins and the limits are what protects the agent.
    """

    id: str
    organization_id: str
    public_id: str
    name: str
    created_at: datetime
    updated_at: datetime
    agent_id: str | None = None  # None after its agent was deleted
    enabled: bool = True
    allowed_origins: tuple[str, ...] = ()  # empty: those of the organisation
    max_concurrent_calls: int = 10
    calls_per_minute: int = 5  # from one address
    variables: dict[str, Any] = field(default_factory=dict)
    visitor_variables: tuple[str, ...] = ()  # those that a page may set


@dataclass(frozen=True, slots=True)
class BrowserAccess:
    """Whether visitors may speak with an agent without a widget made for it."""

    agent_id: str
    organization_id: str
    updated_at: datetime
    enabled: bool = False
    public_name: str | None = None  # stands for the agent's id in a page
    max_concurrent_calls: int = MAX_AGENT_CALLS  # of visitors, through widgets too
    calls_per_minute: int = 5  # from one address
    visitor_variables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AllowedOrigins:
    """The origins of an organisation's pages."""

    organization_id: str
    origins: tuple[str, ...]
    updated_at: datetime | None = None  # None: never set
