"""Widgets, open agents, allowed origins and the start of a browser call on the wire."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from control_api.schemas_contacts import PlainText
from control_api.schemas_shared import (
    JsonObject,
    RequestModel,
    ResponseModel,
    Timestamp,
    Uuid,
    UuidIn,
    unsent,
)
from gateway.timestamps import optional_timestamp, timestamp
from gateway.widgets.new_widget import (
    MAX_CALLS,
    MAX_CALLS_PER_MINUTE,
    MAX_ORIGINS,
    MAX_PUBLIC_NAME,
    MAX_VISITOR_VARIABLES,
    AccessSettings,
    NewWidget,
)
from gateway.widgets.origins import MAX_ORIGIN_LENGTH
from store.widget_records import MAX_AGENT_CALLS, AllowedOrigins, BrowserAccess, Widget

OriginText = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_ORIGIN_LENGTH,
        examples=["https://shop.example", "https://*.shop.example"],
    ),
]
Origins = Annotated[list[OriginText], Field(max_length=MAX_ORIGINS)]
VariableName = Annotated[str, Field(min_length=1, max_length=64, examples=["visitor_name"])]
VisitorVariables = Annotated[list[VariableName], Field(max_length=MAX_VISITOR_VARIABLES)]
Calls = Annotated[int, Field(ge=1, le=MAX_CALLS)]
CallsPerMinute = Annotated[int, Field(ge=1, le=MAX_CALLS_PER_MINUTE)]
VisitorText = Annotated[str, Field(max_length=500)]

_ORIGINS = "Origins of the pages it may stand in; empty: those of the organisation."
_VISITOR_VARIABLES = "Names of the variables that a page may set for its visitor."
_PER_MINUTE = "Calls that one address may start in a minute."


class WidgetCreate(RequestModel):
    """A way for visitors of some pages to speak with an agent."""

    name: PlainText
    agent_id: UuidIn
    enabled: bool = True
    allowed_origins: Origins = Field(default=[], description=_ORIGINS)
    max_concurrent_calls: Calls = 10
    calls_per_minute: CallsPerMinute = Field(default=5, description=_PER_MINUTE)
    variables: JsonObject = Field(default_factory=dict, description="The same in each of its calls.")
    visitor_variables: VisitorVariables = Field(default=[], description=_VISITOR_VARIABLES)

    def to_new(self) -> NewWidget:
        return NewWidget(
            name=self.name,
            agent_id=self.agent_id,
            enabled=self.enabled,
            allowed_origins=tuple(self.allowed_origins),
            max_concurrent_calls=self.max_concurrent_calls,
            calls_per_minute=self.calls_per_minute,
            variables=self.variables,
            visitor_variables=tuple(self.visitor_variables),
        )


class WidgetUpdate(RequestModel):
    """What is to change; absent fields stay. Calls in progress go on."""

    name: PlainText = unsent()
    agent_id: UuidIn = unsent()
    enabled: bool = unsent()
    allowed_origins: Origins = unsent()
    max_concurrent_calls: Calls = unsent()
    calls_per_minute: CallsPerMinute = unsent()
    variables: JsonObject = unsent()
    visitor_variables: VisitorVariables = unsent()

    def changes(self) -> dict[str, Any]:
        given = {name: getattr(self, name) for name in self.model_fields_set}
        return {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}


class WidgetOut(ResponseModel):
    id: Uuid
    public_id: str = Field(description="What a page names it by. No secret.", examples=["wgt_6f1e"])
    name: str
    agent_id: Uuid | None = Field(description="Null after its agent was deleted: it answers nobody.")
    enabled: bool
    allowed_origins: list[str]
    max_concurrent_calls: int
    calls_per_minute: int
    variables: dict[str, Any]
    visitor_variables: list[str]
    created_at: Timestamp
    updated_at: Timestamp


class BrowserAccessUpdate(RequestModel):
    """Whether visitors of your allowed origins may speak with an agent without a widget made for it."""

    enabled: bool
    public_name: Annotated[str, Field(max_length=MAX_PUBLIC_NAME)] | None = Field(
        default=None,
        description="Stands for the agent's id in a page; one agent of the installation has it.",
        examples=["front-desk"],
    )
    max_concurrent_calls: Calls = Field(
        default=MAX_AGENT_CALLS, description="Calls of visitors at once, those through widgets included."
    )
    calls_per_minute: CallsPerMinute = Field(default=5, description=_PER_MINUTE)
    visitor_variables: VisitorVariables = Field(default=[], description=_VISITOR_VARIABLES)

    def to_settings(self) -> AccessSettings:
        return AccessSettings(
            enabled=self.enabled,
            public_name=self.public_name,
            max_concurrent_calls=self.max_concurrent_calls,
            calls_per_minute=self.calls_per_minute,
            visitor_variables=tuple(self.visitor_variables),
        )


class BrowserAccessOut(ResponseModel):
    agent_id: Uuid
    enabled: bool
    public_name: str | None
    max_concurrent_calls: int
    calls_per_minute: int
    visitor_variables: list[str]
    updated_at: Timestamp


class AllowedOriginsUpdate(RequestModel):
    """The origins of your pages, all of them."""

    allowed_origins: Origins


class AllowedOriginsOut(ResponseModel):
    allowed_origins: list[str]
    updated_at: Timestamp | None = Field(description="Null before they were first set.")


class BrowserCallCreate(RequestModel):
    """A call that a browser of your choice joins."""

    agent_id: UuidIn
    variables: JsonObject = Field(default_factory=dict)


class BrowserCallOut(ResponseModel):
    """In camel case and without an envelope, as existing front ends expect it."""

    joinUrl: str = Field(description="Joins the call once: opens our page, or is the engine's own.")  # noqa: N815
    callId: Uuid  # noqa: N815
    agentName: str  # noqa: N815


class VisitorCallCreate(RequestModel):
    """What a page says about its visitor."""

    variables: dict[VariableName, VisitorText] = Field(
        default_factory=dict, description="Only those whose names the widget's owner allows."
    )


class VisitorCallOut(ResponseModel):
    """A call to be joined at once, by this page."""

    token: str = Field(description="Joins the call, once.")
    call_id: Uuid
    agent_name: str
    expires_at: Timestamp
    ice_servers_url: str
    sessions_url: str


def render_widget(widget: Widget) -> dict[str, Any]:
    """The widget object."""
    return {
        "id": widget.id,
        "public_id": widget.public_id,
        "name": widget.name,
        "agent_id": widget.agent_id,
        "enabled": widget.enabled,
        "allowed_origins": list(widget.allowed_origins),
        "max_concurrent_calls": widget.max_concurrent_calls,
        "calls_per_minute": widget.calls_per_minute,
        "variables": widget.variables,
        "visitor_variables": list(widget.visitor_variables),
        "created_at": timestamp(widget.created_at),
        "updated_at": timestamp(widget.updated_at),
    }


def render_access(access: BrowserAccess) -> dict[str, Any]:
    """Whether an agent is open, and how far."""
    return {
        "agent_id": access.agent_id,
        "enabled": access.enabled,
        "public_name": access.public_name,
        "max_concurrent_calls": access.max_concurrent_calls,
        "calls_per_minute": access.calls_per_minute,
        "visitor_variables": list(access.visitor_variables),
        "updated_at": timestamp(access.updated_at),
    }


def render_origins(allowed: AllowedOrigins) -> dict[str, Any]:
    """An organisation's origins."""
    return {
        "allowed_origins": list(allowed.origins),
        "updated_at": optional_timestamp(allowed.updated_at),
    }
