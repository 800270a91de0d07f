"""`/join`: the page that a browser call's link opens, under a strict policy.

The token stands in the link's fragment (`/join#TOKEN`), so that it reaches no log, no proxy and no other
site. The page itself is the same for everybody and holds no data. `/join/TOKEN` opens it too.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from control_api.dashboard_files import MEDIA_TYPES, StaticFile, static_file
from control_api.routes_dashboard import file_response

DIRECTORY = Path(__file__).parent / "call_page"
PAGE = "/join"
FILES = "/call-page"

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "media-src 'self' blob:",
        "base-uri 'none'",
        "form-action 'none'",
        # A front end may show the page within its own (it has to grant the microphone). The page has no
        # session of its reader's that a frame could misuse: all its power is the token, which the framing
        # page has.
        "frame-ancestors 'self' https:",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
    "Cache-Control": "no-cache",
    "Vary": "Accept-Encoding",
}


def join_link(request: Request, public_url: str | None, token: str) -> str:
    """The link by which whoever has it joins the call of this token."""
    return f"{public_url or str(request.base_url).rstrip('/')}{PAGE}#{token}"


@cache
def call_page_files() -> dict[str, StaticFile]:
    """The page and what it loads, by name."""
    return {
        path.name: static_file(path.read_bytes(), MEDIA_TYPES[path.suffix])
        for path in sorted(DIRECTORY.iterdir())
    }


def call_page_router() -> APIRouter:
    """The page under both of its addresses, and its files."""
    router = APIRouter(include_in_schema=False)
    files = call_page_files()  # read before anything is served

    @router.api_route(PAGE, methods=["GET", "HEAD"])
    @router.api_route(PAGE + "/{token}", methods=["GET", "HEAD"])
    async def get_page(request: Request) -> Response:
        return file_response(request, files["index.html"], HEADERS)

    @router.api_route(FILES + "/{name}", methods=["GET", "HEAD"])
    async def get_file(request: Request, name: str) -> Response:
        if name == "index.html" or name not in files:
            raise HTTPException(404)
        return file_response(request, files[name], HEADERS)

    return router
