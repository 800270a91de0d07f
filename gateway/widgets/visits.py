"""Browser calls as they are begun: by a visitor through a door, or by whoever holds an API key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from gateway.cluster.limits import Limit
from gateway.directory import Directory
from gateway.widgets.doors import Door
from store.records import BrowserMode, CallRecord

VISITOR_JOINS_WITHIN_S = 30.0
"""A page joins at once: its microphone is open already. A call that waits has a place that others want."""


class StartedBrowserCall(Protocol):
    """A queued call and the token by which one browser joins it."""

    @property
    def record(self) -> CallRecord: ...

    @property
    def token(self) -> str: ...

    @property
    def expires_at(self) -> datetime: ...


class BrowserCallMaker(Protocol):
    """Makes browser calls (`gateway.browser_calls`). With `origin` a page of no other may join; `limits` are
    held until the call's end.
    """

    async def create(
        self,
        organization_id: str,
        agent_id: str,
        *,
        variables: Mapping[str, Any],
        metadata: Mapping[str, Any],
        origin: str | None = None,
        limits: Sequence[Limit] = (),
        join_within_s: float | None = None,
        untrusted_variables: frozenset[str] = frozenset(),
    ) -> StartedBrowserCall: ...


class DirectCall(Protocol):
    """A queued call that is joined at the engine."""

    @property
    def record(self) -> CallRecord: ...

    @property
    def join_url(self) -> str: ...


class DirectCallMaker(Protocol):
    """Makes calls whose sound the engine carries (`gateway.web_calls`)."""

    async def start_call(
        self,
        organization_id: str,
        agent_id: str,
        *,
        variables: Mapping[str, Any] | None = None,
        test: bool = True,
    ) -> DirectCall: ...


@dataclass(frozen=True, slots=True)
class OwnersCall:
    """A call for whomever its owner chooses, who joins by the token here or by the link at the engine."""

    record: CallRecord
    agent_name: str
    token: str | None = field(default=None, repr=False)
    engine_url: str | None = field(default=None, repr=False)


class Visits:
    """Begins browser calls. Raises `gateway.errors`."""

    def __init__(self, calls: BrowserCallMaker, direct_calls: DirectCallMaker, directory: Directory) -> None:
        self._calls = calls
        self._direct_calls = direct_calls
        self._directory = directory

    async def of_visitor(
        self, door: Door, *, origin: str, address: str, variables: Mapping[str, str]
    ) -> StartedBrowserCall:
        """A call for a page of this origin alone. `LimitExceededError` when the door, the agent or the
        address has as many as it may have.
        """
        return await self._calls.create(
            door.organization_id,
            door.agent.id,
            variables=door.with_visitor(variables),
            metadata={**door.metadata, "origin": origin},
            origin=origin,
            limits=door.limits(address),
            join_within_s=VISITOR_JOINS_WITHIN_S,
            untrusted_variables=frozenset(variables) - door.variables.keys(),
        )

    async def of_owner(self, organization_id: str, agent_id: str, variables: Mapping[str, Any]) -> OwnersCall:
        """A call as the agent's `browser_mode` has it. Raises `NotFoundError`."""
        agent = await self._directory.get_agent(organization_id, agent_id)
        if agent.browser_mode is BrowserMode.DIRECT:
            started = await self._direct_calls.start_call(
                organization_id, agent_id, variables=variables, test=False
            )
            return OwnersCall(started.record, agent.name, engine_url=started.join_url)
        made = await self._calls.create(organization_id, agent_id, variables=variables, metadata={})
        return OwnersCall(made.record, agent.name, token=made.token)
