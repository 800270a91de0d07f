"""`/folders`: make, read, list, change, delete."""

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
from control_api.schemas_contacts import (
    FolderCreate,
    FolderOut,
    FolderUpdate,
    SearchText,
    render_folder,
)
from control_api.schemas_shared import Envelope, ListEnvelope
from gateway.contacts.contact_book import ContactBook
from store.contact_records import Folder

TAG = "folders"


def folders_router(prefix: str, book: ContactBook) -> APIRouter:
    """The routes under `{prefix}/folders`."""
    router = APIRouter(prefix=f"{prefix}/folders", tags=[TAG], route_class=ApiRoute)

    async def shown(request: Request, folder: Folder, status: int = 200) -> Response:
        counts = await book.count_in_folders((folder,))
        return single(request, render_folder(folder, counts[folder.id]), status)

    @router.post(
        "",
        status_code=201,
        operation_id="create_folder",
        response_model=Envelope[FolderOut],
        responses=answers(Answers.BODY),
    )
    async def create_folder(request: Request, body: FolderCreate) -> Response:
        """Make a folder."""
        return await shown(request, await book.create_folder(organization_of(request), body.to_new()), 201)

    @router.get(
        "",
        operation_id="list_folders",
        response_model=ListEnvelope[FolderOut],
        responses=answers(Answers.QUERY),
    )
    async def list_folders(
        request: Request,
        name: Annotated[SearchText | None, Query(description="A part of the name, in any case.")] = None,
        limit: Limit = 50,
        offset: Offset = 0,
    ) -> Response:
        """The organisation's folders, newest first, with the number of contacts in each."""
        page = await book.list_folders(organization_of(request), name, limit, offset)
        counts = await book.count_in_folders(page.items)
        return listing(request, page, lambda folder: render_folder(folder, counts[folder.id]))

    @router.get(
        "/{folder_id}",
        operation_id="get_folder",
        response_model=Envelope[FolderOut],
        responses=answers(Answers.PLAIN, 404),
    )
    async def get_folder(request: Request, folder_id: str) -> Response:
        """One folder."""
        folder = await book.get_folder(organization_of(request), path_id(folder_id, "folder"))
        return await shown(request, folder)

    @router.patch(
        "/{folder_id}",
        operation_id="update_folder",
        response_model=Envelope[FolderOut],
        responses=answers(Answers.BODY, 404),
    )
    async def update_folder(request: Request, folder_id: str, body: FolderUpdate) -> Response:
        """Change a folder's name or description."""
        folder = await book.update_folder(
            organization_of(request), path_id(folder_id, "folder"), body.changes()
        )
        return await shown(request, folder)

    @router.delete(
        "/{folder_id}",
        status_code=204,
        operation_id="delete_folder",
        responses=answers(Answers.PLAIN, 404),
    )
    async def delete_folder(request: Request, folder_id: str) -> Response:
        """Remove a folder and every contact in it. Campaigns that took their contacts from it keep them."""
        await book.delete_folder(organization_of(request), path_id(folder_id, "folder"))
        return Response(status_code=204)

    return router
