"""Carries client tools out: one HTTP request of ours to the address that the tool's definition names.

The address comes from a client: `gateway.public_address` says where it may lead, redirects are refused, and
the answer has a limit in size and time. Requests under way are bounded; who finds no place within the tool's
time has failed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp

from gateway.configuration.engine import ToolsSection
from gateway.engine_tools import CLIENT_TIMEOUT_MS
from gateway.public_address import PublicResolver, url_problem
from store.agent_part_records import Tool

AT_ONCE = 64
MARGIN_S = 0.3  # so much sooner than the engine's patience ours ends, so that it hears why
LEAST_S = 0.2


class ClientToolError(Exception):
    """The tool did not do its work; the text says why, without addresses of our network."""


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """What came back. `response_type`, `reaction` and `call_state` are as the engine has them for HTTP tools,
    None where the answer says nothing.
    """

    text: str
    response_type: str | None = None
    reaction: str | None = None
    call_state: dict[str, Any] | None = None


class ClientTools:
    """Makes the requests of all calls."""

    def __init__(self, config: ToolsSection) -> None:
        self._config = config
        self._places = asyncio.Semaphore(AT_ONCE)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def run(self, tool: Tool, arguments: Mapping[str, Any], headers: Mapping[str, str]) -> ToolAnswer:
        """Raises `ClientToolError`."""
        limit = (tool.timeout_ms or CLIENT_TIMEOUT_MS) / 1000
        try:
            async with asyncio.timeout(max(LEAST_S, limit - MARGIN_S)), self._places:
                return await self._request(tool, arguments, headers)
        except TimeoutError as error:
            raise ClientToolError(f"no answer within {limit:g} s") from error
        # UnicodeError: a host that cannot be one. ValueError: a URL that aiohttp will not take.
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ClientToolError(f"the request failed: {type(error).__name__}") from error

    async def _request(
        self, tool: Tool, arguments: Mapping[str, Any], headers: Mapping[str, str]
    ) -> ToolAnswer:
        url, query, extra, body = placed(tool, arguments)
        problem = url_problem(url, allow_private=self._config.private_urls)
        if problem is not None:
            raise ClientToolError(problem)
        options: dict[str, Any] = {} if tool.method == "GET" else {"json": body}
        async with self._client().request(
            tool.method,
            url,
            params=query,
            headers={**headers, **extra},
            allow_redirects=False,
            **options,
        ) as response:
            if not 200 <= response.status < 300:
                raise ClientToolError(f"answered with HTTP status {response.status}")
            content = await self._read(response)
            return ToolAnswer(
                content.decode("utf-8", "replace"),
                response.headers.get("X-Ultravox-Response-Type"),
                response.headers.get("X-Ultravox-Agent-Reaction"),
                _json_object(response.headers.get("X-Ultravox-Update-Call-State")),
            )

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        content = bytearray()
        async for piece in response.content.iter_any():
            content += piece
            if len(content) > self._config.max_response_bytes:
                raise ClientToolError(f"answered with more than {self._config.max_response_bytes} bytes")
        return bytes(content)

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            resolver = PublicResolver(allow_private=self._config.private_urls)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=resolver, limit=AT_ONCE, use_dns_cache=False),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),  # there is one for each request, see `run`
                trust_env=False,  # a proxy of ours would resolve names by itself
            )
        return self._session


def placed(
    tool: Tool, arguments: Mapping[str, Any]
) -> tuple[str, dict[str, str], dict[str, str], dict[str, Any]]:
    """Where each parameter goes: URL, query, headers, body. What the definition fixes wins over what the
    model says; what the definition does not know is left out.
    """
    url, query, headers, body = tool.url, {}, {}, {}
    known = [
        (each["name"], each["location"], arguments[each["name"]])
        for each in tool.dynamic_parameters
        if each["name"] in arguments
    ]
    fixed = [(each["name"], each["location"], each["value"]) for each in tool.static_parameters]
    for name, location, value in known + fixed:
        match location:
            case "path":
                url = url.replace("{" + name + "}", quote(_text(value), safe=""))
            case "query":
                query[name] = _text(value)
            case "header":
                headers[name] = _text(value).replace("\r", " ").replace("\n", " ")
            case _:
                body[name] = value
    return url, query, headers, body


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _json_object(text: str | None) -> dict[str, Any] | None:
    try:
        value = json.loads(text or "")
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
