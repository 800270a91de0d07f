"""`/voices`: import, read, list, delete."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from control_api.api_route import ApiRoute, organization_of
from control_api.documentation import Answers, answers
from control_api.envelope import listing, single
from control_api.paging import Limit, Offset
from control_api.path_ids import path_id
from control_api.schemas_shared import Envelope, ListEnvelope
from control_api.schemas_voices import VoiceImport, VoiceOut, render_voice
from gateway.voices import VoiceService

TAG = "voices"
AUDIO_TYPES = ("audio/wav", "audio/mpeg")


def voices_router(prefix: str, voices: VoiceService) -> APIRouter:
    """The routes under `{prefix}/voices`."""
    router = APIRouter(prefix=f"{prefix}/voices", tags=[TAG], route_class=ApiRoute)

    @router.post(
        "",
        status_code=201,
        operation_id="import_voice",
        response_model=Envelope[VoiceOut],
        responses=answers(Answers.BODY),
    )
    async def import_voice(request: Request, body: VoiceImport) -> Response:
        """Import a voice from its provider, so that agents can speak with it."""
        voice = await voices.import_voice(
            organization_of(request),
            name=body.name,
            provider=body.provider.value,
            provider_voice_id=body.provider_voice_id,
            description=body.description,
        )
        return single(request, render_voice(voice), 201)

    @router.get(
        "",
        operation_id="list_voices",
        response_model=ListEnvelope[VoiceOut],
        responses=answers(Answers.QUERY, 502),
    )
    async def list_voices(
        request: Request,
        name: Annotated[str | None, Query(max_length=100, description="A part of the name.")] = None,
        limit: Limit = 50,
        offset: Offset = 0,
    ) -> Response:
        """The organisation's imported voices, newest first, then the voice engine's own by name."""
        page = await voices.list(organization_of(request), name=name, limit=limit, offset=offset)
        return listing(request, page, render_voice)

    @router.get(
        "/{voice_id}",
        operation_id="get_voice",
        response_model=Envelope[VoiceOut],
        responses=answers(Answers.PLAIN, 404, 502),
    )
    async def get_voice(request: Request, voice_id: str) -> Response:
        """One voice."""
        voice = await voices.get(organization_of(request), path_id(voice_id, "voice"))
        return single(request, render_voice(voice))

    @router.get(
        "/{voice_id}/preview",
        operation_id="preview_voice",
        response_class=Response,
        responses=answers(Answers.PLAIN, 404, 502)
        | {200: {"description": "A few words in this voice.", "content": {kind: {} for kind in AUDIO_TYPES}}},
    )
    async def preview_voice(request: Request, voice_id: str) -> Response:
        """How a voice sounds."""
        sample = await voices.sample(organization_of(request), path_id(voice_id, "voice"))
        kind = AUDIO_TYPES[0] if sample.startswith(b"RIFF") else AUDIO_TYPES[1]
        headers = {"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"}
        return Response(sample, media_type=kind, headers=headers)

    @router.delete(
        "/{voice_id}",
        status_code=204,
        operation_id="delete_voice",
        responses=answers(Answers.PLAIN, 404, 409, 502),
    )
    async def delete_voice(request: Request, voice_id: str) -> Response:
        """Forget an imported voice that no agent speaks with."""
        await voices.delete(organization_of(request), path_id(voice_id, "voice"))
        return Response(status_code=204)

    return router
