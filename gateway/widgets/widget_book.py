"""Widgets, open agents and allowed origins as the API sees them.

They are read from the store each time: a page asks once for each call, and every node sees a change at once.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

from gateway.directory import Directory
from gateway.errors import ConflictError, InvalidRequestError, NotFoundError
from gateway.widgets.new_widget import (
    AccessSettings,
    NewWidget,
    checked_public_name,
    checked_variable_names,
)
from gateway.widgets.origins import checked_origins
from store.database import Store
from store.errors import ConstraintError, MissingRowError
from store.identifiers import uuid7
from store.records import Page
from store.widget_records import AllowedOrigins, BrowserAccess, Widget

PUBLIC_ID_PREFIX = "wgt_"


class WidgetBook:
    """Reads and changes who may start browser calls without a key. Raises `gateway.errors`."""

    def __init__(self, store: Store, directory: Directory) -> None:
        self._store = store
        self._directory = directory

    # --- widgets

    async def create(self, organization_id: str, new: NewWidget) -> Widget:
        """Raises `InvalidRequestError`, `NotFoundError` (agent)."""
        settings = await self._checked(organization_id, _settings(new))
        now = datetime.now(UTC)
        widget = Widget(
            id=uuid7(),
            organization_id=organization_id,
            public_id=PUBLIC_ID_PREFIX + secrets.token_hex(12),
            created_at=now,
            updated_at=now,
            **settings,
        )
        try:
            await self._store.widgets.create(widget)
        except ConstraintError as error:
            raise _no_agent(widget.agent_id) from error
        return widget

    async def get(self, organization_id: str, widget_id: str) -> Widget:
        """Raises `NotFoundError`."""
        widget = await self._store.widgets.get(organization_id, widget_id)
        if widget is None:
            raise _no_widget(widget_id)
        return widget

    async def list(
        self, organization_id: str, *, agent_id: str | None, name: str | None, limit: int, offset: int
    ) -> Page[Widget]:
        """Newest first; `name` is a part of the name."""
        return await self._store.widgets.list(
            organization_id, agent_id=agent_id, name=name, limit=limit, offset=offset
        )

    async def update(self, organization_id: str, widget_id: str, changes: Mapping[str, Any]) -> Widget:
        """Change the fields of `NewWidget` that are given; calls in progress go on. Raises `NotFoundError`,
        `InvalidRequestError`.
        """
        old = await self.get(organization_id, widget_id)
        checked = await self._checked(organization_id, changes)
        widget = replace(old, **checked, updated_at=datetime.now(UTC))
        try:
            await self._store.widgets.update(widget)
        except MissingRowError as error:
            raise _no_widget(widget_id) from error
        except ConstraintError as error:
            raise _no_agent(widget.agent_id) from error
        return widget

    async def delete(self, organization_id: str, widget_id: str) -> None:
        """Calls in progress go on. Raises `NotFoundError`."""
        if not await self._store.widgets.delete(organization_id, widget_id):
            raise _no_widget(widget_id)

    # --- agents that are open to visitors

    async def access_of(self, organization_id: str, agent_id: str) -> BrowserAccess:
        """Closed before it was first set. Raises `NotFoundError`."""
        agent = await self._directory.get_agent(organization_id, agent_id)
        access = await self._store.browser_access.of_agent(agent_id)
        return access or BrowserAccess(agent_id, organization_id, agent.created_at)

    async def decided_access(self, agent_id: str) -> BrowserAccess | None:
        """None while nobody has said whether this agent is open."""
        return await self._store.browser_access.of_agent(agent_id)

    async def open_agent(
        self, organization_id: str, agent_id: str, settings: AccessSettings
    ) -> BrowserAccess:
        """Put the settings in place of what there was. Raises `NotFoundError`, `InvalidRequestError`,
        `ConflictError` when another agent of the installation has the public name.
        """
        await self._directory.get_agent(organization_id, agent_id)
        access = BrowserAccess(
            agent_id=agent_id,
            organization_id=organization_id,
            updated_at=datetime.now(UTC),
            enabled=settings.enabled,
            public_name=checked_public_name(settings.public_name),
            max_concurrent_calls=settings.max_concurrent_calls,
            calls_per_minute=settings.calls_per_minute,
            visitor_variables=checked_variable_names(settings.visitor_variables),
        )
        try:
            await self._store.browser_access.put(access)
        except ConstraintError as error:
            await self._directory.get_agent(organization_id, agent_id)  # it may have gone meanwhile
            raise ConflictError(
                f"Another agent is known to pages as {access.public_name}.",
                code="public_name_taken",
                field="public_name",
            ) from error
        return access

    # --- the origins of an organisation's pages

    async def origins(self, organization_id: str) -> AllowedOrigins:
        """None are allowed before some were set."""
        return await self._store.browser_access.origins(organization_id)

    async def set_origins(self, organization_id: str, origins: Sequence[str]) -> AllowedOrigins:
        """Put these in place of those there were. Raises `InvalidRequestError`."""
        checked = checked_origins(origins, "allowed_origins")
        allowed = AllowedOrigins(organization_id, checked, datetime.now(UTC))
        await self._store.browser_access.put_origins(allowed)
        return allowed

    async def _checked(self, organization_id: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        found = dict(changes)
        if found.get("agent_id") is not None:
            try:
                await self._directory.get_agent(organization_id, found["agent_id"])
            except NotFoundError as error:
                raise _no_agent(found["agent_id"]) from error
        if "allowed_origins" in found:
            found["allowed_origins"] = checked_origins(found["allowed_origins"], "allowed_origins")
        if "visitor_variables" in found:
            found["visitor_variables"] = checked_variable_names(found["visitor_variables"])
        return found


def _settings(new: NewWidget) -> dict[str, Any]:
    return {item.name: getattr(new, item.name) for item in fields(new)}


def _no_widget(widget_id: str) -> NotFoundError:
    return NotFoundError(f"There is no widget {widget_id}.", widget_id=widget_id)


def _no_agent(agent_id: str | None) -> InvalidRequestError:
    return InvalidRequestError(f"There is no agent {agent_id}.", field="agent_id")
