"""`/dashboard/`: the browser application for operators, as static files under a strict policy.

It needs no key to be read: it holds no data. What it shows it asks of the API, with the reader's own session.
"""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from control_api.byte_range import has_etag
from control_api.dashboard_files import INDEX, StaticFile, dashboard_files

PREFIX = "/dashboard"

# Nothing but our own files runs, no page may frame ours, and what the page sends goes to us alone. `blob:` is
# what a recording becomes when a script has fetched it.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
    # Kept by the browser, but asked about each time: after an update nobody sees a mixture of two versions.
    "Cache-Control": "no-cache",
    "Vary": "Accept-Encoding",
}


def dashboard_router() -> APIRouter:
    """`/dashboard/` and the files under it."""
    router = APIRouter(prefix=PREFIX, include_in_schema=False)
    dashboard_files()  # read before anything is served

    @router.api_route("", methods=["GET", "HEAD"])
    async def to_the_index() -> Response:
        return RedirectResponse(f"{PREFIX}/", 308)

    @router.api_route("/{path:path}", methods=["GET", "HEAD"])
    async def get_file(request: Request, path: str) -> Response:
        file = dashboard_files().get(path or INDEX)
        if file is None:
            raise HTTPException(404)
        return file_response(request, file)

    return router


def file_response(request: Request, file: StaticFile, fixed: Mapping[str, str] = HEADERS) -> Response:
    """The file, or 304 when the browser has it."""
    headers = {**fixed, "ETag": file.etag}
    if has_etag(request.headers.get("if-none-match"), file.etag):
        return Response(status_code=304, headers=headers)
    body = file.body
    if file.compressed is not None and _takes_gzip(request.headers.get("accept-encoding", "")):
        body = file.compressed
        headers["Content-Encoding"] = "gzip"
        headers["ETag"] = "W/" + file.etag  # the same content in other bytes
    headers["Content-Type"] = file.media_type
    if request.method == "HEAD":
        return Response(headers={**headers, "Content-Length": str(len(body))})
    return Response(body, headers=headers)


def _takes_gzip(accept_encoding: str) -> bool:
    """Whether `Accept-Encoding` names gzip, and not only to refuse it."""
    for each in accept_encoding.split(","):
        coding, _, parameters = each.partition(";")
        if coding.strip().lower() == "gzip":
            return parameters.replace(" ", "").lower() not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
