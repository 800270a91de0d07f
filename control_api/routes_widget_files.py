"""`/widget.js`, `/sdk.js`, `/sdk.d.ts` and the modules they are made of, for pages of any origin.

The scripts hold nothing that is secret and can do nothing without a token, so that every page may load them;
which page may start a call is decided when it asks for one (`routes_browser_access`).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from control_api.dashboard_files import StaticFile, static_file
from control_api.routes_dashboard import file_response

DIRECTORY = Path(__file__).parent / "widget"
ENTRIES = ("widget.js", "sdk.js", "sdk.d.ts")
MODULES = "widget"
DEMO = "widget/demo.html"

MEDIA_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".ts": "application/typescript; charset=utf-8",
    ".html": "text/html; charset=utf-8",
}

HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",  # for pages that isolate themselves
    "X-Content-Type-Options": "nosniff",
    # Kept by the browser, but asked about each time: after an update no page mixes modules of two versions.
    "Cache-Control": "public, no-cache",
    "Vary": "Accept-Encoding",
}

DEMO_HEADERS = HEADERS | {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


@cache
def widget_files() -> dict[str, StaticFile]:
    """Each file by its path below the gateway's address, such as `widget/session.js`."""
    paths = [
        *(DIRECTORY / name for name in ENTRIES),
        DIRECTORY / DEMO,
        *sorted((DIRECTORY / MODULES).glob("*.js")),
    ]
    return {
        path.relative_to(DIRECTORY).as_posix(): static_file(path.read_bytes(), MEDIA_TYPES[path.suffix])
        for path in paths
    }


def widget_files_router() -> APIRouter:
    """The files."""
    router = APIRouter(include_in_schema=False)
    files = widget_files()  # read before anything is served

    def serve(request: Request, name: str) -> Response:
        file = files.get(name)
        if file is None:
            raise HTTPException(404)
        return file_response(request, file, DEMO_HEADERS if name == DEMO else HEADERS)

    @router.api_route("/widget.js", methods=["GET", "HEAD"])
    @router.api_route("/sdk.js", methods=["GET", "HEAD"])
    @router.api_route("/sdk.d.ts", methods=["GET", "HEAD"])
    async def get_entry(request: Request) -> Response:
        return serve(request, request.url.path.removeprefix("/"))

    @router.api_route(f"/{MODULES}/{{name}}", methods=["GET", "HEAD"])
    async def get_module(request: Request, name: str) -> Response:
        return serve(request, f"{MODULES}/{name}")

    return router
