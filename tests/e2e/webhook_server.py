"""A customer's receiver of webhooks: a plain web server in a thread, which fails when it is told to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from tests.support.webhook_receiver import Received

Decide = Callable[[str, int], int]


class WebhookServer:
    """`decide` gets an event's id and the number of the attempt, from 1, and gives the status to answer."""

    def __init__(self, decide: Decide = lambda event_id, attempt: 200) -> None:
        self._decide = decide
        self._changed = threading.Condition()
        self._requests: list[Received] = []
        self._attempts: dict[str, int] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = outer._take(self.path, dict(self.headers.items()), body)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="webhook-server")
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @property
    def taken(self) -> list[Received]:
        """What was answered with success, in order."""
        with self._changed:
            return [request for request in self._requests if request.status == 200]

    @property
    def refused(self) -> int:
        with self._changed:
            return sum(request.status != 200 for request in self._requests)

    def wait_for(self, wanted: Callable[[list[Received]], bool], seconds: float = 15) -> list[Received]:
        """What was taken, once it satisfies `wanted`."""
        limit = time.monotonic() + seconds
        with self._changed:
            while True:
                taken = [request for request in self._requests if request.status == 200]
                if wanted(taken):
                    return taken
                left = limit - time.monotonic()
                assert left > 0, f"taken so far: {[request.json['event'] for request in taken]}"
                self._changed.wait(left)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def _take(self, path: str, headers: dict[str, str], body: bytes) -> int:
        event_id = headers["X-Truedy-Event-Id"]
        with self._changed:
            attempt = self._attempts[event_id] = self._attempts.get(event_id, 0) + 1
            status = self._decide(event_id, attempt)
            self._requests.append(Received(path, headers, body, status))
            self._changed.notify_all()
        return status
