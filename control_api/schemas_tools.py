"""Tools on the wire.

Fields have the spelling of the product's documents (`modelToolName`); `model_tool_name` and the like are read
too, and so is a definition under `definition`.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any, Self

from jsonschema.validators import Draft202012Validator
from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    StrictBool,
    WithJsonSchema,
    model_validator,
)

from control_api.envelope import duration
from control_api.schemas_agent_settings import Name, Url, check_json_schema
from control_api.schemas_shared import (
    DURATION_SCHEMA,
    DurationText,
    JsonObject,
    RequestModel,
    ResponseModel,
    Timestamp,
    Uuid,
    duration_between,
    json_object,
)
from gateway.engine_tools import RESERVED_NAMES
from gateway.new_tool import NewTool
from gateway.timestamps import timestamp
from store.agent_part_records import Tool, ToolKind

MODEL_TOOL_NAME_PATTERN = r"^[a-zA-Z0-9_-]{1,64}$"
LONGEST_TOOL_MS = 40_000
MAX_PARAMETERS = 50

_model_tool_name = re.compile(r"[a-zA-Z0-9_-]{1,64}", re.ASCII)
_header_name = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}", re.ASCII)


def _check_tool_name(value: str) -> str:
    if _model_tool_name.fullmatch(value) is None:
        raise ValueError("must be 1 to 64 letters, digits, underscores or hyphens")
    if value in RESERVED_NAMES:
        raise ValueError("is the name of a built-in tool")
    return value


def _location(value: Any) -> Any:
    """`PARAMETER_LOCATION_BODY` and `BODY` are read as `body`."""
    return value.removeprefix("PARAMETER_LOCATION_").lower() if isinstance(value, str) else value


def _check_parameter_schema(value: dict[str, Any]) -> dict[str, Any]:
    check_json_schema(value, Draft202012Validator)
    return value


class Location(StrEnum):
    """Where a parameter goes in the tool's request."""

    QUERY = "query"
    PATH = "path"
    HEADER = "header"
    BODY = "body"


class Method(StrEnum):
    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"


LocationIn = Annotated[
    Location,
    BeforeValidator(_location),
    WithJsonSchema({"type": "string", "enum": [each.value for each in Location]}),
]
ModelToolName = Annotated[
    str,
    AfterValidator(_check_tool_name),
    Field(json_schema_extra={"pattern": MODEL_TOOL_NAME_PATTERN}, examples=["lookup_order"]),
]
ParameterName = Annotated[str, Field(min_length=1, max_length=100)]
ToolTime = Annotated[int, BeforeValidator(duration_between(500, LONGEST_TOOL_MS)), DURATION_SCHEMA]


class ToolRequestIn(RequestModel):
    """The request that the tool is. `{name}` in the URL is filled in by the path parameter of that name."""

    url: Url = Field(validation_alias=AliasChoices("url", "baseUrlPattern"))
    method: Method = Field(default=Method.POST, validation_alias=AliasChoices("method", "httpMethod"))


class DynamicParameterIn(RequestModel):
    """A parameter whose value the model chooses."""

    name: ParameterName
    location: LocationIn = Location.BODY
    schema_: Annotated[JsonObject, AfterValidator(_check_parameter_schema)] = Field(
        alias="schema", description="A JSON Schema that tells the model what the value is."
    )
    required: StrictBool = False


class StaticParameterIn(RequestModel):
    """A parameter with a fixed value, which the model does not see. Text may hold `{{variables}}`."""

    name: ParameterName
    location: LocationIn = Location.BODY
    value: Annotated[Any, AfterValidator(json_object)]


class ToolCreate(RequestModel):
    """A tool to be made."""

    name: Name | None = Field(default=None, description="For you; `modelToolName` when absent.")
    model_tool_name: ModelToolName = Field(
        alias="modelToolName", validation_alias=AliasChoices("modelToolName", "model_tool_name")
    )
    type: ToolKind = Field(
        default=ToolKind.HTTP,
        description="`http`: the voice engine makes the request; `client`: this gateway does.",
    )
    description: Annotated[str, Field(min_length=1, max_length=5_000)] = Field(
        description="Tells the model what the tool is good for."
    )
    http: ToolRequestIn | None = None
    client: ToolRequestIn | None = None
    dynamic_parameters: Annotated[list[DynamicParameterIn], Field(max_length=MAX_PARAMETERS)] = Field(
        default_factory=list,
        alias="dynamicParameters",
        validation_alias=AliasChoices("dynamicParameters", "dynamic_parameters"),
    )
    static_parameters: Annotated[list[StaticParameterIn], Field(max_length=MAX_PARAMETERS)] = Field(
        default_factory=list,
        alias="staticParameters",
        validation_alias=AliasChoices("staticParameters", "static_parameters"),
    )
    timeout: ToolTime | None = Field(
        default=None, description='How long it may take, such as "5s"; 40 s at most.'
    )

    @model_validator(mode="before")
    @classmethod
    def _flat(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("definition"), dict):
            outer = {key: each for key, each in value.items() if key != "definition"}
            value = value["definition"] | outer
        if isinstance(value, dict) and "type" not in value and "client" in value and "http" not in value:
            value = value | {"type": ToolKind.CLIENT.value}
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        request = self.http if self.type is ToolKind.HTTP else self.client
        other = self.client if self.type is ToolKind.HTTP else self.http
        if request is None or other is not None:
            raise ValueError(f'a tool of type "{self.type}" needs `{self.type}`, and only that')
        names: set[str] = set()
        parameters: list[DynamicParameterIn | StaticParameterIn] = [
            *self.dynamic_parameters,
            *self.static_parameters,
        ]
        for parameter in parameters:
            if parameter.name in names:
                raise ValueError(f"the parameter {parameter.name!r} is there twice")
            names.add(parameter.name)
            if parameter.location is Location.PATH and "{" + parameter.name + "}" not in request.url:
                raise ValueError(f"the URL has no {{{parameter.name}}} for the path parameter of that name")
            if parameter.location is Location.HEADER and _header_name.fullmatch(parameter.name) is None:
                raise ValueError(f"{parameter.name!r} cannot be the name of a header")
            if parameter.location is Location.BODY and request.method is Method.GET:
                raise ValueError(f"a GET request has no body for the parameter {parameter.name!r}")
        return self

    def to_new(self) -> NewTool:
        """The request as the gateway understands it."""
        request = self.http or self.client
        assert request is not None
        return NewTool(
            name=self.name or self.model_tool_name,
            model_tool_name=self.model_tool_name,
            kind=self.type,
            description=self.description,
            url=request.url,
            method=request.method.value,
            dynamic_parameters=tuple(
                {
                    "name": each.name,
                    "location": each.location.value,
                    "schema": each.schema_,
                    "required": each.required,
                }
                for each in self.dynamic_parameters
            ),
            static_parameters=tuple(
                {"name": each.name, "location": each.location.value, "value": each.value}
                for each in self.static_parameters
            ),
            timeout_ms=self.timeout,
        )


class ToolRequestOut(ResponseModel):
    url: str
    method: Method


class DynamicParameterOut(ResponseModel):
    name: str
    location: Location
    schema_: dict[str, Any] = Field(alias="schema")
    required: bool


class StaticParameterOut(ResponseModel):
    name: str
    location: Location
    value: Any = Field(description="Null for the role read: it may be the key of another service.")


class ToolOut(ResponseModel):
    """A tool."""

    id: Uuid
    name: str
    modelToolName: str  # noqa: N815 - the product's spelling
    type: ToolKind
    description: str
    http: ToolRequestOut | None
    client: ToolRequestOut | None
    dynamicParameters: list[DynamicParameterOut]  # noqa: N815
    staticParameters: list[StaticParameterOut]  # noqa: N815
    timeout: DurationText | None
    created_at: Timestamp
    updated_at: Timestamp


def render_tool(tool: Tool, *, secrets: bool) -> dict[str, Any]:
    """As `ToolOut`. `secrets`: with the values that are always sent, keys of other services among them."""
    request = {"url": tool.url, "method": tool.method}
    return {
        "id": tool.id,
        "name": tool.name,
        "modelToolName": tool.model_tool_name,
        "type": tool.kind.value,
        "description": tool.description,
        "http": request if tool.kind is ToolKind.HTTP else None,
        "client": request if tool.kind is ToolKind.CLIENT else None,
        "dynamicParameters": list(tool.dynamic_parameters),
        "staticParameters": [each if secrets else {**each, "value": None} for each in tool.static_parameters],
        "timeout": duration(tool.timeout_ms),
        "created_at": timestamp(tool.created_at),
        "updated_at": timestamp(tool.updated_at),
    }
