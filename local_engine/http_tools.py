"""Carries out what a tool needs from outside the conversation: HTTP requests, and look-ups in a corpus."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import aiohttp

from local_engine.corpora import CorpusService
from local_engine.data_messages import ClientToolResult
from local_engine.errors import NotFound
from local_engine.tools import CallTool, ToolKind

MAX_REQUESTS = 1_000  # under way at once; beyond it a tool fails
MAX_ANSWER_BYTES = 1024 * 1024

Answered = Callable[[ClientToolResult], None]


class ToolService:
    """The tools of all calls that the engine itself carries out."""

    def __init__(self, corpora: CorpusService) -> None:
        self._corpora = corpora
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Give up what is under way."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def begin(
        self,
        tool: CallTool,
        arguments: Mapping[str, Any],
        invocation_id: str,
        call_id: str,
        answered: Answered,
    ) -> None:
        """Begin; `answered` is told the result later, once."""
        if len(self._tasks) >= MAX_REQUESTS:
            answered(_failed(invocation_id, "too many tools are being carried out"))
            return
        work = self._run(tool, arguments, invocation_id, call_id, answered)
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(
        self,
        tool: CallTool,
        arguments: Mapping[str, Any],
        invocation_id: str,
        call_id: str,
        answered: Answered,
    ) -> None:
        try:
            async with asyncio.timeout(tool.timeout_s):
                if tool.kind is ToolKind.HTTP:
                    result = await self._request(tool, arguments, invocation_id, call_id)
                else:
                    result = self._look_up(tool, arguments, invocation_id)
        except (aiohttp.ClientError, OSError, ValueError, NotFound) as error:
            result = _failed(invocation_id, f"{type(error).__name__}: {error}"[:200])
        answered(result)

    def _look_up(self, tool: CallTool, arguments: Mapping[str, Any], invocation_id: str) -> ClientToolResult:
        values = {**arguments, **tool.parameter_overrides}
        corpus_id, query = str(values.get("corpus_id", "")), str(values.get("query", ""))
        found = self._corpora.query(corpus_id, query, int(values.get("max_results", 5)))
        return ClientToolResult(invocation_id, json.dumps(found))

    async def _request(
        self, tool: CallTool, arguments: Mapping[str, Any], invocation_id: str, call_id: str
    ) -> ClientToolResult:
        method, url, query, headers, body = request_of(tool, arguments, call_id)
        if self._session is None:
            self._session = aiohttp.ClientSession()
        options: dict[str, Any] = {"json": body} if body and method != "GET" else {}
        async with self._session.request(method, url, params=query, headers=headers, **options) as response:
            content = b""
            async for piece in response.content.iter_any():
                content += piece
                if len(content) > MAX_ANSWER_BYTES:
                    return _failed(invocation_id, f"more than {MAX_ANSWER_BYTES} bytes")
            if not 200 <= response.status < 300:
                return _failed(invocation_id, f"HTTP status {response.status}")
            state = response.headers.get("X-Ultravox-Update-Call-State")
            return ClientToolResult(
                invocation_id,
                content.decode("utf-8", "replace"),
                response.headers.get("X-Ultravox-Response-Type"),
                response.headers.get("X-Ultravox-Agent-Reaction"),
                update_call_state=json.loads(state) if state else None,
            )


def request_of(
    tool: CallTool, arguments: Mapping[str, Any], call_id: str
) -> tuple[str, str, dict[str, str], dict[str, str], dict[str, Any]]:
    """Method, URL, query, headers and body of an HTTP tool."""
    definition = tool.definition
    http = definition.http or {}
    url = str(http.get("baseUrlPattern", ""))
    query: dict[str, str] = {}
    headers: dict[str, str] = {}
    body: dict[str, Any] = {}
    known = {"KNOWN_PARAM_CALL_ID": call_id}
    values: list[tuple[str, str, Any]] = []
    for each in definition.dynamic_parameters or ():
        if each.name in tool.parameter_overrides:
            values.append((each.name, each.location, tool.parameter_overrides[each.name]))
        elif each.name in arguments:
            values.append((each.name, each.location, arguments[each.name]))
    values += [(each.name, each.location, each.value) for each in definition.static_parameters or ()]
    values += [
        (each.name, each.location, known[each.known_value])
        for each in definition.automatic_parameters or ()
        if each.known_value in known
    ]
    for name, location, value in values:
        text = value if isinstance(value, str) else json.dumps(value)
        match location:
            case "PARAMETER_LOCATION_PATH":
                url = url.replace("{" + name + "}", quote(text, safe=""))
            case "PARAMETER_LOCATION_QUERY":
                query[name] = text
            case "PARAMETER_LOCATION_HEADER":
                headers[name] = text
            case _:
                body[name] = value
    return str(http.get("httpMethod", "GET")), url, query, headers, body


def _failed(invocation_id: str, why: str) -> ClientToolResult:
    return ClientToolResult(invocation_id, error_type="implementation-error", error_message=why)
