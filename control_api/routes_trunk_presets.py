"""`/trunk-presets`: what the usual carriers and PBXs want a trunk to be."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from control_api.api_route import ApiRoute
from control_api.documentation import Answers, answers
from control_api.envelope import listing
from control_api.paging import Limit, Offset
from control_api.routes_trunks import TAG
from control_api.schemas_shared import ListEnvelope, ResponseModel
from gateway.trunk_presets import PRESETS, TrunkPreset
from store.records import Page


class PresetFieldOut(ResponseModel):
    """A field of the trunk that its owner fills in."""

    field: str = Field(description="Its path in `POST /trunks`.", examples=["outbound.address"])
    label: str
    example: str
    hint: str
    required: bool


class TrunkPresetOut(ResponseModel):
    """A trunk to one kind of carrier or PBX."""

    id: str
    name: str
    kind: Literal["carrier", "pbx"]
    summary: str
    values: dict[str, Any] = Field(description="Fields of `POST /trunks` that are the same for everybody.")
    fields: list[PresetFieldOut] = Field(description="What is left to fill in.")
    there: list[str] = Field(
        description="What to set at the other side; `SIP_ADDRESS` stands for this gateway's SIP address."
    )
    documentation: str = Field(description="Where docs tell more.", examples=["docs/sip-interop.md#twilio"])


def trunk_presets_router(prefix: str) -> APIRouter:
    """The route `{prefix}/trunk-presets`."""
    router = APIRouter(prefix=f"{prefix}/trunk-presets", tags=[TAG], route_class=ApiRoute)

    @router.get(
        "",
        operation_id="list_trunk_presets",
        response_model=ListEnvelope[TrunkPresetOut],
        responses=answers(Answers.QUERY),
    )
    async def list_trunk_presets(request: Request, limit: Limit = 50, offset: Offset = 0) -> Response:
        """What to begin a trunk with: `values` and what you fill in under `fields` make a body of
        `POST /trunks`."""
        page = Page(PRESETS[offset : offset + limit], len(PRESETS), limit, offset)
        return listing(request, page, _render)

    return router


def _render(preset: TrunkPreset) -> dict[str, Any]:
    return {
        "id": preset.id,
        "name": preset.name,
        "kind": preset.kind,
        "summary": preset.summary,
        "values": dict(preset.values),
        "fields": [
            {
                "field": each.field,
                "label": each.label,
                "example": each.example,
                "hint": each.hint,
                "required": each.required,
            }
            for each in preset.fields
        ],
        "there": list(preset.there),
        "documentation": f"docs/sip-interop.md#{preset.id}",
    }
