"""Is the voice engine reachable? Asked now and then, for `/readyz` and for whoever looks at the dashboard."""

from __future__ import annotations

import asyncio

import structlog

from gateway.background_task import BackgroundTask
from media.ultravox.errors import EngineApiError
from media.ultravox.rest import UltravoxClient

log = structlog.get_logger(__name__)

INTERVAL_S = 15.0
INTERVAL_WHEN_AWAY_S = 2.0


class EngineWatch(BackgroundTask):
    """`state` is `ok` or the reason why the engine is not."""

    def __init__(self, engine: UltravoxClient) -> None:
        super().__init__("engine-watch")
        self._engine = engine
        self.state = "not asked yet"
        self.asked = asyncio.Event()  # set once there is an answer, good or bad

    async def _run(self) -> None:
        while True:
            state = await self._ask()
            if state != self.state:
                (log.info if state == "ok" else log.warning)("engine_state", state=state)
                self.state = state
            self.asked.set()
            await asyncio.sleep(INTERVAL_S if state == "ok" else INTERVAL_WHEN_AWAY_S)

    async def _ask(self) -> str:
        try:
            await self._engine.ping()
        except EngineApiError as error:
            return str(error) or type(error).__name__
        except Exception as error:
            log.exception("engine_watch_failed")
            return type(error).__name__
        return "ok"
