"""One webhook request: the stored bytes, signed, to the endpoint's address and nowhere else.

The address comes from a client: `gateway.public_address` says where it may lead. Redirects are not followed,
and of the answer only the status counts.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import aiohttp

from gateway.public_address import PrivateAddressError, guarded_session, url_problem
from gateway.webhooks.retry_schedule import Answer, retry_after
from gateway.webhooks.signature import signed_headers
from store.webhook_records import WebhookEndpoint

USER_AGENT = "Trunkline-Webhooks/1"
READ_BYTES = 16_384  # of the answer, so that the connection can be used again
READ_TIMEOUT_S = 1.0  # what has not come by then closes the connection


class WebhookSender:
    """Holds the connections. `close` it."""

    def __init__(
        self,
        *,
        timeout_s: float,
        allow_private: bool,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._timeout_s = timeout_s
        self._allow_private = allow_private
        self._now = now
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(self, endpoint: WebhookEndpoint, event_id: str, payload: str) -> Answer:
        """Make one attempt."""
        problem = url_problem(endpoint.url, allow_private=self._allow_private)
        if problem is not None:
            return Answer(error=problem, hopeless=True)
        now, body = self._now(), payload.encode()
        headers = signed_headers(endpoint.secrets_at(now), event_id, int(now.timestamp()), body)
        headers |= {"Content-Type": "application/json", "User-Agent": USER_AGENT}
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._post(endpoint.url, headers, body)
        except TimeoutError:
            return Answer(error=f"no answer within {self._timeout_s:g} s")
        # UnicodeError: a name that cannot be one, with an empty or too long label. ValueError: a header.
        except (aiohttp.ClientError, OSError, UnicodeError, ValueError) as error:
            return Answer(error=_cause(error))

    async def _post(self, url: str, headers: dict[str, str], body: bytes) -> Answer:
        if self._session is None:
            self._session = guarded_session(allow_private=self._allow_private)
        async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as response:
            # The receiver has the event, whatever is wrong with the rest: it must not get it again for that.
            with suppress(aiohttp.ClientError, OSError):
                async with asyncio.timeout(READ_TIMEOUT_S):
                    await response.content.read(READ_BYTES)
            status = response.status
            error = None if 200 <= status < 300 else f"answered with {status}"
            return Answer(status, error, retry_after(response.headers.get("Retry-After"), self._now()))


def _cause(error: BaseException) -> str:
    """The words of an error without addresses of our network."""
    inner = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(inner, PrivateAddressError):
        return str(inner)
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return "TLS failed"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the host's name leads nowhere"
    if isinstance(inner, OSError) and inner.errno is not None and inner.errno > 0:
        return os.strerror(inner.errno)
    return "the connection failed"
