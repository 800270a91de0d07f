"""Starts and stops the engine: one REST port, one WebSocket port, one clock, one speech thread."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import dataclass

from aiohttp import web
from picows import ws_create_server

from local_engine import scenario_assistant, scenario_receptionist
from local_engine.engine import Engine
from local_engine.media_socket import MAX_FRAME_BYTES, Upgrades
from local_engine.rest import make_app
from local_engine.rest_support import Addresses
from local_engine.slow_front import SlowFront
from local_engine.webhooks import FIRST_RETRY_S, WebhookSender

_BACKLOG = 1024
_CACHED_RATES = (8000, 16000)


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where to listen (`port` 0: any free one), which key to ask for (`None`: any), how much to remember."""

    host: str = "127.0.0.1"
    port: int = 0
    api_key: str | None = None
    keep_calls: int = 10_000
    first_retry_s: float = FIRST_RETRY_S


class EngineServer:
    """The running engine. `async with EngineServer(options) as server: ...`, or `start` and `stop`."""

    def __init__(self, options: ServerOptions) -> None:
        self.options = options
        self.engine = Engine(keep_calls=options.keep_calls)
        self._runner: web.AppRunner | None = None
        self._sockets: asyncio.Server | None = None
        self._front: SlowFront | None = None
        self._webhooks: WebhookSender | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """The REST server's root, without `/api`."""
        host = self.options.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    async def start(self) -> None:
        """Listen.

        Raises `OSError` when a port is taken and `SpeechUnavailable` when there is no synthesiser.
        """
        engine, options = self.engine, self.options
        await engine.speech.start(
            (*scenario_receptionist.PHRASES, *scenario_assistant.PHRASES), _CACHED_RATES
        )
        self._webhooks = WebhookSender(engine.webhooks, first_retry_s=options.first_retry_s)
        engine.book.listeners.append(self._webhooks.on_call_event)
        engine.clock.start(engine.session_failed)
        upgrades = Upgrades(engine.book, engine.make_session, engine.clock)
        server = await ws_create_server(
            upgrades,
            options.host,
            0,
            backlog=_BACKLOG,
            max_frame_size=MAX_FRAME_BYTES,
            read_buffer_init_size=4096,
        )
        self._sockets = server
        addresses = Addresses(socket_port=server.sockets[0].getsockname()[1])
        self._front = SlowFront(options.host, addresses.socket_port, self._upgrade_delay)
        addresses.slow_port = await self._front.start()
        app = make_app(engine, addresses, options.api_key)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, options.host, options.port, backlog=_BACKLOG)
        await site.start()
        self.port = self._runner.addresses[0][1]
        # What lives now lives for good: collections need not look at it again.
        gc.collect()
        gc.freeze()

    async def stop(self) -> None:
        """Close every call with 1001 and give everything back."""
        for record in list(self.engine.book):
            if record.session is not None and record.ended is None:
                record.session.shut_down()
        self.engine.clock.stop()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._front is not None:
            await self._front.close()
        if self._sockets is not None:
            self._sockets.close()
        if self._webhooks is not None:
            await self._webhooks.close()
        await self.engine.tool_service.close()
        self.engine.speech.close()
        gc.unfreeze()

    async def __aenter__(self) -> EngineServer:
        await self.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.stop()

    def _upgrade_delay(self, call_id: str) -> float:
        record = self.engine.book.find(call_id)
        return record.faults.slow_upgrade_ms / 1000 if record is not None else 0.0
