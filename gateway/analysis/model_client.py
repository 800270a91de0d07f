"""The language model that reads transcripts: any server that speaks OpenAI's chat completions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
import msgspec

from gateway.configuration.calls import AnalysisSection

MOST_BYTES = 1024 * 1024


def open_model(section: AnalysisSection) -> ModelClient | None:
    """The model that the configuration names, if it does."""
    if section.base_url is None or section.model is None:
        return None
    return ModelClient(section.base_url, section.model, section.api_key, section.timeout)


class ModelError(Exception):
    """The model's server did not give an answer; the text says why."""


class UnreadableAnswerError(ModelError):
    """It gave one that is not what a server of this kind says."""


class ModelClient:
    """Holds the connections. `close` it."""

    def __init__(self, base_url: str, model: str, api_key: str | None, timeout_s: float) -> None:
        self._url = f"{base_url.rstrip('/')}/chat/completions"
        self._model = model
        self._api_key = api_key
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def answer(self, messages: Sequence[Mapping[str, str]], schema: Mapping[str, Any]) -> Any:
        """The model's answer as the JSON it is. Raises `ModelError`."""
        body = {
            "model": self._model,
            "messages": list(messages),
            "temperature": 0,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "call_analysis", "strict": True, "schema": schema},
            },
        }
        try:
            async with asyncio.timeout(self._timeout_s):
                status, content = await self._post(body)
        except TimeoutError as error:
            raise ModelError(f"no answer within {self._timeout_s:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise ModelError(f"not reached: {type(error).__name__}") from error
        if status != 200:
            raise ModelError(f"answered with {status}")
        try:
            message = json.loads(content)["choices"][0]["message"]
            answer = json.loads(message["content"])
            msgspec.json.encode(answer)  # half of a surrogate pair can be read, but not be written down
            return answer
        except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
            raise UnreadableAnswerError(f"the answer cannot be read: {type(error).__name__}") from error

    async def _post(self, body: Mapping[str, Any]) -> tuple[int, bytes]:
        if self._session is None:
            headers = {"Authorization": f"Bearer {self._api_key}"} if self._api_key else {}
            self._session = aiohttp.ClientSession(headers=headers)
        async with self._session.post(self._url, json=body, allow_redirects=False) as response:
            content = bytearray()
            async for piece in response.content.iter_chunked(65_536):
                content += piece
                if len(content) > MOST_BYTES:
                    raise aiohttp.ClientPayloadError("too large")
            return response.status, bytes(content)
