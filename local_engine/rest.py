"""The REST application: key check, errors as `{"detail": ...}`, and all routes."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from local_engine import rest_account, rest_agents, rest_calls, rest_corpora, rest_inspect, rest_webhooks
from local_engine.engine import Engine
from local_engine.errors import InvalidRequest, NotFound, WrongState
from local_engine.rest_support import ADDRESSES, ENGINE, Addresses, reply

MAX_BODY = 2 * 1024 * 1024

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class KeyCheck:
    """`X-API-Key`: exactly `key`, or any at all when `key` is `None`."""

    key: str | None

    def accepts(self, given: str) -> bool:
        """Compared in constant time."""
        if not given:
            return False
        return self.key is None or hmac.compare_digest(given.encode(), self.key.encode())


def _errors(message: Any, status: int) -> web.Response:
    return reply({"detail": message}, status=status)


def make_app(engine: Engine, addresses: Addresses, api_key: str | None) -> web.Application:
    """The application on `engine`. `addresses` is completed before the first request."""
    check = KeyCheck(api_key)

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/api/"):
            given = request.headers.get("X-API-Key") or request.headers.get("X-Unsafe-API-Key") or ""
            if not given:
                return _errors("Authentication credentials were not provided.", 401)
            if not check.accepts(given):
                return _errors("Invalid API key.", 401)
        try:
            return await handler(request)
        except InvalidRequest as error:
            return _errors(str(error), 400)
        except NotFound as error:
            return _errors(str(error), 404)
        except WrongState as error:
            return _errors(str(error), 422)
        except msgspec.DecodeError as error:
            return _errors(str(error), 400)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            return _errors(error.reason, error.status)

    app = web.Application(middlewares=[guard], client_max_size=MAX_BODY)
    app[ENGINE] = engine
    app[ADDRESSES] = addresses
    for routes in (
        rest_calls.routes,
        rest_agents.routes,
        rest_webhooks.routes,
        rest_account.routes,
        rest_corpora.routes,
        rest_inspect.routes,
    ):
        app.add_routes(routes)
    return app
