"""The client of the engine's REST API: calls, their messages, agents.

One pooled session serves all calls. The engine has no idempotency keys; still a creation is tried again when
the connection was refused or broke before an answer, because a call that nobody joins costs nothing and ends
by itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from media.ultravox.call_request import (
    MAX_AGENT_NAME,
    AgentSettings,
    EngineCallRequest,
    build_agent_body,
    build_call_body,
)
from media.ultravox.errors import (
    EngineApiError,
    EngineBusyError,
    EngineElsewhereError,
    EngineProtocolError,
    EngineRefusedError,
    EngineTimeoutError,
    EngineUnreachableError,
)
from media.ultravox.protocol import ClientMessage, encode
from media.ultravox.refusals import error_detail, parse_retry_after

TIMEOUT_S = 10.0
PING_TIMEOUT_S = 3.0
# Waits between attempts when the engine does not say how long; their number bounds the attempts too.
BACKOFF_S = (1.0, 2.0, 4.0)
# Requests under way at once; more wait, within their deadline. The engine allows 200 requests a second for a
# key.
MAX_CONCURRENCY = 64
# An idle connection is given up before the usual load balancer does so (60 s), to spare a failed request.
KEEPALIVE_S = 30.0
MAX_RESPONSE_BYTES = 4 * 1024 * 1024
MAX_PAGES = 50
PAGE_SIZE = 100

_T = TypeVar("_T")
_encode = msgspec.json.Encoder().encode


class EngineCall(msgspec.Struct, frozen=True, rename="camel"):
    """A created call. `join_url` is a credential: whoever has it can join."""

    call_id: str
    join_url: str
    ended: str | None = None

    def __repr__(self) -> str:
        return f"EngineCall(call_id={self.call_id!r})"


class EngineCallStatus(msgspec.Struct, frozen=True, rename="camel"):
    """A call as the engine tells it later. Times are ISO 8601; `joined` and `ended` are None until they
    happen.
    """

    call_id: str
    created: str | None = None
    joined: str | None = None
    ended: str | None = None
    end_reason: str | None = None
    billed_duration: str | None = None
    billing_status: str | None = None
    short_summary: str | None = None
    summary: str | None = None


class Timespan(msgspec.Struct, frozen=True):
    """Durations from the start of the input audio, such as `0.62s`."""

    start: str | None = None
    end: str | None = None


class EngineTranscriptMessage(msgspec.Struct, frozen=True, rename="camel"):
    """One message of a call's history. `role` is `MESSAGE_ROLE_USER`, `_AGENT`, `_TOOL_CALL` or
    `_TOOL_RESULT`.
    """

    role: str
    text: str = ""
    tool_name: str | None = None
    invocation_id: str | None = None
    medium: str | None = None
    timespan: Timespan | None = None


class EngineAgent(msgspec.Struct, frozen=True, rename="camel"):
    """An agent kept by the engine."""

    agent_id: str
    name: str = ""


class _AgentPage(msgspec.Struct, frozen=True):
    results: list[EngineAgent]
    next: str | None = None


class _Page(msgspec.Struct, frozen=True):
    results: list[EngineTranscriptMessage]
    next: str | None = None


class UltravoxClient:
    """The engine's API for one key. To be made and used on one event loop."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        timeout_s: float = TIMEOUT_S,
        max_concurrency: int = MAX_CONCURRENCY,
        backoff_s: tuple[float, ...] = BACKOFF_S,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`base_url` with or without the final `/api`; `timeout_s` is the deadline of a request with its
        retries.
        """
        base = base_url.rstrip("/")
        self._base = base if base.endswith("/api") else base + "/api"
        self._timeout_s = timeout_s
        self._backoff_s = backoff_s
        self._sleep = sleep
        self._slots = asyncio.Semaphore(max_concurrency)
        self._max_concurrency = max_concurrency
        self._headers = {"X-API-Key": api_key, "Accept": "application/json", "User-Agent": "trunkline"}
        self._session: aiohttp.ClientSession | None = None
        self._closed = False
        self.requests_retried = 0

    # --- calls ---

    async def create_call(
        self,
        request: EngineCallRequest,
        *,
        prior_call_id: str | None = None,
        enable_greeting_prompt: bool = True,
        deadline_s: float | None = None,
    ) -> EngineCall:
        """Create a call to join by WebSocket; with `prior_call_id` it continues that call's history.

        `deadline_s` bounds all attempts and waits together. Raises `EngineApiError` in one of its kinds, and
        `CallRequestError` for a request that cannot be sent.
        """
        query = ""
        if prior_call_id is not None:
            query = f"?priorCallId={_segment(prior_call_id)}"
        if not enable_greeting_prompt:
            query += ("&" if query else "?") + "enableGreetingPrompt=false"
        body = build_call_body(request, resuming=prior_call_id is not None)
        call = await self.ask("POST", f"/calls{query}", EngineCall, body, 201, deadline_s)
        if call.ended is not None:
            raise EngineProtocolError("the engine answered with a call that has already ended")
        schemes = ("wss://", "ws://", "https://") if request.web_rtc else ("wss://", "ws://")
        if not call.join_url.startswith(schemes):
            raise EngineProtocolError("the engine answered with a join URL that is no WebSocket URL")
        return call

    async def get_call(self, call_id: str) -> EngineCallStatus:
        return await self.ask("GET", f"/calls/{_segment(call_id)}", EngineCallStatus)

    async def delete_call(self, call_id: str) -> None:
        """Forget a call. The engine does so with one that is over, or that nobody has joined."""
        await self.ask("DELETE", f"/calls/{_segment(call_id)}", None, success=204)

    async def list_messages(self, call_id: str) -> tuple[EngineTranscriptMessage, ...]:
        """The whole conversation, all stages and pages."""
        messages: list[EngineTranscriptMessage] = []
        path = f"/calls/{_segment(call_id)}/messages?mode=in_call"
        for _ in range(MAX_PAGES):
            page = await self.ask("GET", path, _Page)
            messages += page.results
            if not page.next:
                break
            # `next` is a full URL; only its query is used, so that the key goes to no other host.
            path = f"/calls/{_segment(call_id)}/messages?{URL(page.next, encoded=True).raw_query_string}"
        return tuple(messages)

    async def send_data_message(self, call_id: str, message: ClientMessage) -> None:
        """Say something to a live call from outside its socket.

        The engine takes `HangUp`, `UserTextMessage` and `ForcedAgentMessage` here, and refuses with status
        422 when the call is not joined yet or has ended.
        """
        await self.ask("POST", f"/calls/{_segment(call_id)}/send_data_message", None, encode(message), 204)

    # --- agents ---

    async def create_agent(self, name: str, agent: AgentSettings) -> EngineAgent:
        """Keep an agent at the engine; its name is cut to the engine's 64 characters."""
        return await self.ask("POST", "/agents", EngineAgent, build_agent_body(name, agent), 201)

    async def update_agent(self, agent_id: str, name: str, agent: AgentSettings) -> EngineAgent:
        """Give an agent of the engine's these settings, for calls from now on."""
        return await self.ask(
            "PATCH", f"/agents/{_segment(agent_id)}", EngineAgent, build_agent_body(name, agent)
        )

    async def find_agent(self, name: str) -> EngineAgent | None:
        """The agent of exactly this name; None when the engine has none."""
        path = f"/agents?pageSize={PAGE_SIZE}"
        for _ in range(MAX_PAGES):
            page = await self.ask("GET", path, _AgentPage)
            for agent in page.results:
                if agent.name == name[:MAX_AGENT_NAME]:
                    return agent
            if not page.next:
                return None
            path = f"/agents?{URL(page.next, encoded=True).raw_query_string}"
        return None

    async def get_agent(self, agent_id: str) -> EngineAgent:
        return await self.ask("GET", f"/agents/{_segment(agent_id)}", EngineAgent)

    async def delete_agent(self, agent_id: str) -> None:
        await self.ask("DELETE", f"/agents/{_segment(agent_id)}", None, success=204)

    # --- the client itself ---

    async def ping(self) -> None:
        """Return when the engine answers and knows the key; one attempt. Raises `EngineApiError`."""
        async with _Deadline(PING_TIMEOUT_S):
            await self._attempt("GET", URL(f"{self._base}/accounts/me", encoded=True), None, 200)

    async def close(self) -> None:
        """Close all connections; requests under way fail."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    def _client_session(self) -> aiohttp.ClientSession:
        if self._closed:
            raise EngineUnreachableError("the client is closed")
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._max_concurrency, keepalive_timeout=KEEPALIVE_S, ttl_dns_cache=60
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=self._headers,
                skip_auto_headers=("Accept-Encoding",),
                timeout=aiohttp.ClientTimeout(total=None),  # one deadline for all, see `_Deadline`
                auto_decompress=True,
            )
        return self._session

    async def ask(
        self,
        method: str,
        path: str,
        answer: type[_T] | None,
        body: dict[str, Any] | None = None,
        success: int = 200,
        deadline_s: float | None = None,
    ) -> _T:
        """One request with its retries, its answer decoded; `path` begins after `/api`. Raises
        `EngineApiError`.
        """
        content = await self.ask_file(method, path, body, success, deadline_s)
        if answer is None:
            return None  # type: ignore[return-value]
        try:
            return msgspec.json.decode(content, type=answer)
        except msgspec.MsgspecError as error:
            raise EngineProtocolError(f"{method} /api{path.partition('?')[0]}: {error}") from error

    async def ask_file(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        success: int = 200,
        deadline_s: float | None = None,
    ) -> bytes:
        """Like `ask`, with the answer as it came. Raises `EngineElsewhereError` when it is at another
        address, where our key must not go.
        """
        data = None if body is None else _encode(body)
        url = URL(self._base + path, encoded=True)
        allowed_s = self._timeout_s if deadline_s is None else deadline_s
        deadline = time.monotonic() + allowed_s
        async with _Deadline(allowed_s):
            return await self._attempts(method, url, data, success, deadline)

    async def _attempts(
        self, method: str, url: URL, data: bytes | None, success: int, deadline: float
    ) -> bytes:
        for backoff in self._backoff_s:
            error: EngineApiError
            try:
                return await self._attempt(method, url, data, success)
            except EngineBusyError as busy:
                wait = backoff if busy.retry_after is None else busy.retry_after
                error = busy
            except EngineUnreachableError as unreachable:
                wait = 0.0 if isinstance(unreachable.__cause__, aiohttp.ServerDisconnectedError) else backoff
                error = unreachable
            if self._closed or time.monotonic() + wait >= deadline:
                raise error
            self.requests_retried += 1
            await self._sleep(wait)
        return await self._attempt(method, url, data, success)

    async def _attempt(self, method: str, url: URL, data: bytes | None, success: int) -> bytes:
        headers = None if data is None else {"Content-Type": "application/json"}
        session = self._client_session()
        async with self._slots:
            try:
                async with session.request(
                    method, url, data=data, headers=headers, allow_redirects=False
                ) as response:
                    content = await _read_bounded(response)
            except aiohttp.ClientConnectionError as error:
                raise EngineUnreachableError(
                    f"no connection to the engine: {type(error).__name__}"
                ) from error
            except aiohttp.ClientError as error:
                raise EngineProtocolError(f"not an answer of HTTP: {type(error).__name__}") from error
        if response.status == success:
            return content
        if response.status in (429, 503):
            retry_after = parse_retry_after(response.headers.get("Retry-After"), time.time())
            raise EngineBusyError(response.status, error_detail(content), retry_after)
        if response.status < 300:
            raise EngineProtocolError(f"HTTP status {response.status} instead of {success}")
        if response.status in (302, 303, 307) and "Location" in response.headers:
            raise EngineElsewhereError(response.status, response.headers["Location"])
        raise EngineRefusedError(response.status, error_detail(content))


class _Deadline:
    """`asyncio.timeout`, but what it raises is ours."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timeout = asyncio.timeout(max(0.0, seconds))

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as expired:
            raise EngineTimeoutError(f"no answer from the engine within {self._seconds:g} s") from expired


def _segment(identifier: str) -> str:
    """An identifier as one part of a path or query, whatever is in it."""
    return quote(identifier, safe="")


async def _read_bounded(response: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for piece in response.content.iter_any():
        content += piece
        if len(content) > MAX_RESPONSE_BYTES:
            raise EngineProtocolError(f"the answer is larger than {MAX_RESPONSE_BYTES} bytes")
    return bytes(content)
