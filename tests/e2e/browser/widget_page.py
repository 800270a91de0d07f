"""A page of somebody else's with the widget in it, under a strict policy."""

from __future__ import annotations

from collections.abc import Callable

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
