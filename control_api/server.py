"""The HTTP server: uvicorn on the gateway's own event loop, without signal handlers and without a log of
its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Generator, Sequence

import structlog
import uvicorn
from starlette.types import ASGIApp

from control_api.socket_protocol import SocketProtocol

logger = structlog.get_logger(__name__)

KEEP_ALIVE_SECONDS = 30
"""How long an idle connection is kept. Longer than most clients' own limit, so that they close first."""

BACKLOG = 1024

MAX_SOCKET_MESSAGE = 64 * 1024
"""Bytes that a WebSocket client may send in one message: an INVITE of a browser has some 5,000."""


class HttpServerError(Exception):
    """The server could not be started, or ended by itself."""


class _Server(uvicorn.Server):
    """Uvicorn, which tells when it listens and leaves signals to the gateway."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


class HttpServer:
    """Serves `app` at one address. `start` binds, `stop` lets requests in progress finish."""

    def __init__(
        self,
        app: ASGIApp,
        host: str,
        port: int,
        graceful_timeout: float = 5.0,
        trusted_proxies: Sequence[str] = (),
    ) -> None:
        """`port` 0 takes a free one; `graceful_timeout` is seconds for requests in progress when stopping.

        Who connects from `trusted_proxies` (addresses and networks) is believed when it tells, by
        X-Forwarded-For and X-Forwarded-Proto, whose request it brings and how that one came.
        """
        self._trusted_proxies = list(trusted_proxies)
        self._app = app
        self._host = host
        self._port = port
        self._graceful_timeout = graceful_timeout
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> tuple[str, int]:
        """Bind and serve; the address that was bound. Raises `OSError` when it cannot be."""
        if self._task is not None:
            raise HttpServerError("the server runs already")
        listener = await _bind(self._host, self._port)
        config = uvicorn.Config(
            self._app,
            http="httptools",
            ws=SocketProtocol,
            ws_max_size=MAX_SOCKET_MESSAGE,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(self._trusted_proxies),
            forwarded_allow_ips=self._trusted_proxies,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=max(1, round(self._graceful_timeout)),
        )
        server = _Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]), name="http-server")
        listening = asyncio.create_task(server.listening.wait())
        await asyncio.wait({task, listening}, return_when=asyncio.FIRST_COMPLETED)
        listening.cancel()
        if task.done():
            listener.close()
            raise HttpServerError("the HTTP server ended while it started") from (
                None if task.cancelled() else task.exception()
            )
        self._server, self._task = server, task
        host, port = listener.getsockname()[:2]
        logger.info("http_listening", host=host, port=port)
        return host, port

    async def stop(self) -> None:
        """Take no new connection, let requests in progress finish, and close. Safe to call twice."""
        server, task = self._server, self._task
        self._server = self._task = None
        if server is None or task is None:
            return
        server.should_exit = True
        await task


async def _bind(host: str, port: int) -> socket.socket:
    loop = asyncio.get_running_loop()
    family, kind, protocol, _, address = (
        await loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setblocking(False)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener
