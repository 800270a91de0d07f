"""A page of somebody else's with the widget in it, under a strict policy."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from playwright.sync_api import Locator, Request, Route

from control_api.routes_widget_files import widget_files
from tests.e2e.browser.tab import Tab

SHOP = "http://127.0.0.1:9"  # answered by the test, nothing is listening
POLICY = "default-src 'none'; script-src {gateway}; style-src 'none'; connect-src {gateway} {socket}"
PAGE = """<!doctype html><html lang="en"><title>Shop</title>
<meta name="viewport" content="width=device-width">
<main><h1>Shop</h1>{element}</main><script type="module" src="{gateway}/widget.js"></script></html>"""

Answer = Callable[[Request], tuple[int, str]]  # a status and JSON


def open_shop(
    tab: Tab, element: str, *, gateway: str = SHOP, origin: str = SHOP, answer: Answer | None = None
) -> Locator:
    """A page of `origin` that holds this element, whose widget comes from `gateway`; with `answer` the test
    stands for the gateway.
    """
    socket = gateway.replace("http", "ws", 1)
    policy = POLICY.format(gateway=gateway, socket=socket)

    def page(route: Route) -> None:
        name = route.request.url.removeprefix(f"{origin}/")
        file = widget_files().get(name)
        if name == "":
            route.fulfill(
                body=PAGE.format(element=element, gateway=gateway),
                content_type="text/html; charset=utf-8",
                headers={"Content-Security-Policy": policy},
            )
        elif file is not None:
            route.fulfill(body=file.body, content_type=file.media_type)
        elif answer is not None:
            status, body = answer(route.request)
            route.fulfill(status=status, body=body, content_type="application/json")
        else:
            route.fulfill(status=404)

    tab.context.route(f"{origin}/**", page)
    tab.open(f"{origin}/")
    widget = tab.page.locator("trunkline-call")
    widget.get_by_role("button").first.wait_for()
    return widget


class Site:
    """Somebody else's web site, at an origin of its own, with one page."""

    def __init__(self) -> None:
        site = self
        self._page = b""
        self._policy = ""

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path != "/":
                    self.send_response(204)
                    self.end_headers()
                    return
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Security-Policy", site._policy)
                self.end_headers()
                self.wfile.write(site._page)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.origin = f"http://127.0.0.1:{self._server.server_port}"

    def show(self, tab: Tab, element: str, gateway: str) -> Locator:
        """Open the page with this element in it, whose widget comes from `gateway`."""
        socket = gateway.replace("http", "ws", 1)
        self._policy = POLICY.format(gateway=gateway, socket=socket)
        self._page = PAGE.format(element=element, gateway=gateway).encode()
        tab.open(f"{self.origin}/")
        widget = tab.page.locator("trunkline-call")
        widget.get_by_role("button").first.wait_for()
        return widget

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
