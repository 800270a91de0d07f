"""The doors by which a visitor of a page may come to an agent: a widget, or the agent itself when it is open.

A door knows from which origins it may be used, how many calls may go through it at once, and what a page may
say about its visitor. Nothing here is secret: who may not come in is kept out by the origin, which a page
cannot choose, and by the limits, which hold for programs that are no browser too.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.cluster.limits import Counted, Limit
from gateway.errors import ForbiddenError, InvalidRequestError, NotFoundError
from gateway.widgets.origins import origin_allowed
from store.database import Store
from store.identifiers import parse_identifier
from store.records import Agent
from store.widget_records import MAX_AGENT_CALLS, BrowserAccess, Widget

LEAST_FROM_ADDRESS = 2
"""Calls at once from one address that are always granted: two tabs, two people behind one router."""


@dataclass(frozen=True, slots=True)
class Door:
    """One way to an agent. `caps` are what all calls through it count against, its own first."""

    organization_id: str
    agent: Agent
    origins: tuple[str, ...]
    enabled: bool
    caps: tuple[Limit, ...]
    calls_per_minute: int  # from one address
    visitor_variables: tuple[str, ...]
    variables: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)

    def require_origin(self, origin: str | None) -> str:
        """The origin, when it is one that may use this door. Raises `ForbiddenError`."""
        if origin is None or not origin_allowed(origin, self.origins):
            raise ForbiddenError(
                "Calls may not be started from this origin; its owner has to allow it.",
                code="origin_not_allowed",
            )
        return origin

    def require_enabled(self) -> None:
        """Raises `ForbiddenError`."""
        if not self.enabled:
            raise ForbiddenError("This widget is switched off.", code="widget_disabled")

    def limits(self, address: str) -> tuple[Limit, ...]:
        """What a call through this door counts against. One address has at most half of the places, so that
        it cannot keep everybody else out.
        """
        own = self.caps[0]
        share = max(LEAST_FROM_ADDRESS, own.most // 2)
        return (Limit(own.counted, f"{own.key} {address_group(address)}", share), *self.caps)

    def with_visitor(self, given: Mapping[str, str]) -> dict[str, Any]:
        """The call's variables: the owner's, and those that the page may set. Raises `InvalidRequestError`
        for any other.
        """
        for name in given:
            if name not in self.visitor_variables:
                raise InvalidRequestError(
                    "is not a variable that a page may set here", field=f"variables.{name[:64]}"
                )
        return {**given, **self.variables}


class Doors:
    """Finds the door that a page names."""

    def __init__(self, store: Store, agent: Callable[[str], Agent | None]) -> None:
        self._store = store
        self._agent = agent

    async def of_widget(self, public_id: str) -> Door:
        """Raises `NotFoundError`, also while the widget has no agent."""
        widget = await self._store.widgets.by_public_id(public_id)
        agent = self._agent(widget.agent_id) if widget is not None and widget.agent_id is not None else None
        if widget is None or agent is None:
            raise NotFoundError("There is no widget with this id.")
        return await self._widget_door(widget, agent)

    async def of_agent(self, name: str) -> Door:
        """By its id or its public name. Raises `NotFoundError`, also while the agent is not open."""
        agent_id = parse_identifier(name)
        repository = self._store.browser_access
        access = await (
            repository.of_agent(agent_id) if agent_id is not None else repository.by_public_name(name.lower())
        )
        agent = self._agent(access.agent_id) if access is not None and access.enabled else None
        if access is None or agent is None:
            raise NotFoundError("There is no agent of this name that is open to visitors.")
        return await self._agent_door(access, agent)

    async def _widget_door(self, widget: Widget, agent: Agent) -> Door:
        access = await self._store.browser_access.of_agent(agent.id)
        return Door(
            organization_id=widget.organization_id,
            agent=agent,
            origins=widget.allowed_origins or await self._origins(widget.organization_id),
            enabled=widget.enabled,
            caps=(
                Limit(Counted.WIDGET, widget.id, widget.max_concurrent_calls),
                _agent_cap(agent, MAX_AGENT_CALLS if access is None else access.max_concurrent_calls),
            ),
            calls_per_minute=widget.calls_per_minute,
            visitor_variables=widget.visitor_variables,
            variables=widget.variables,
            metadata={"widget_id": widget.id},
        )

    async def _agent_door(self, access: BrowserAccess, agent: Agent) -> Door:
        return Door(
            organization_id=agent.organization_id,
            agent=agent,
            origins=await self._origins(agent.organization_id),
            enabled=True,
            caps=(_agent_cap(agent, access.max_concurrent_calls),),
            calls_per_minute=access.calls_per_minute,
            visitor_variables=access.visitor_variables,
        )

    async def _origins(self, organization_id: str) -> tuple[str, ...]:
        return (await self._store.browser_access.origins(organization_id)).origins


def _agent_cap(agent: Agent, most: int) -> Limit:
    return Limit(Counted.AGENT_BROWSER, agent.id, most)


def address_group(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 of an IPv6 one, which is one subscriber's."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
