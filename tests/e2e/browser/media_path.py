"""A network of the test's between a page and the gateway: it can lose packets, and be taken away."""

from __future__ import annotations

import re

from playwright.sync_api import Route

from tests.e2e.browser.tab import Tab
from tests.e2e.loss_proxy import LossProxy


class MediaPath:
    """Leads a page's media through proxies, by other ports in the gateway's answers: each answer, and so each
    restart of ICE, has proxies of its own.
    """

    def __init__(self, tab: Tab) -> None:
        self.proxies: list[LossProxy] = []
        tab.context.route(re.compile(r"/webrtc/sessions(/[^/]+)?$"), self._answer)

    def lose(self, share: float) -> None:
        """The share of packets that the present proxies drop, each way."""
        for proxy in self.proxies:
            proxy.loss = share

    def close(self) -> None:
        for proxy in self.proxies:
            proxy.close()

    def _answer(self, route: Route) -> None:
        if route.request.method == "DELETE":  # has no addresses, and the page may be gone before its answer
            route.continue_()
            return
        response = route.fetch()
        body = re.sub(r"(a=candidate:\S+ 1 udp \d+ )(\S+) (\d+)", self._through, response.text(), flags=re.I)
        route.fulfill(response=response, body=body)

    def _through(self, candidate: re.Match[str]) -> str:
        self.proxies.append(LossProxy(f"{candidate[2]}:{candidate[3]}", 0.0))
        host, _, port = self.proxies[-1].address.rpartition(":")
        return f"{candidate[1]}{host} {port}"
