"""The question before an answer: a number's owner is asked what to do with a call while the caller hears it
ring.

The owner may set variables and metadata, choose another agent, or have the call rejected. Silence, nonsense
and failures change nothing: the number's agent takes the call. Asked once and, when that failed, once more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

import aiohttp
import msgspec

from gateway.public_address import guarded_session, url_problem
from gateway.timestamps import timestamp
from gateway.webhooks.signature import signed_headers
from store.identifiers import parse_identifier, uuid7
from store.records import CallRecord

ATTEMPTS = 2
LONGEST_S = 8.0  # both attempts together: the caller waits
MAX_ANSWER_BYTES = 65_536
EVENT = "call.incoming"
REJECT_CODES = frozenset((403, 404, 410, 480, 484, 486, 488, 503, 600, 603, 604))
USER_AGENT = "Trunkline-Precall/1"


@dataclass(frozen=True, slots=True)
class PrecallAnswer:
    """What the owner wants. `reject_code` is a SIP status; `agent_id` `None`: the number's own agent."""

    agent_id: str | None = None
    reject_code: int | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)


class PrecallError(Exception):
    """No usable answer came; the text says why."""


class _Reject(msgspec.Struct, forbid_unknown_fields=True):
    sip_code: int = 603


class _Body(msgspec.Struct):
    agent_id: str | None = None
    variables: Annotated[dict[str, str | int | float | bool], msgspec.Meta(max_length=100)] | None = None
    metadata: Annotated[dict[str, Any], msgspec.Meta(max_length=100)] | None = None
    reject: _Reject | None = None


class PrecallClient:
    """Asks the owners. Holds connections: `close` it."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def ask(self, webhook: Mapping[str, Any], call: CallRecord) -> PrecallAnswer:
        """What to do with `call`; `webhook` is a number's `precall_webhook`. Raises `PrecallError`."""
        problem = url_problem(webhook["url"], allow_private=self._allow_private)
        if problem is not None:
            raise PrecallError(problem)
        event_id = uuid7()
        body = _question(event_id, call)
        fault = "no answer"
        try:
            async with asyncio.timeout(LONGEST_S):
                for _ in range(ATTEMPTS):
                    try:
                        async with asyncio.timeout(webhook["timeout_ms"] / 1000):
                            return await self._post(webhook, event_id, body)
                    except TimeoutError:
                        fault = "no answer in time"
                    except PrecallError as error:
                        fault = str(error)
                    # UnicodeError: a name that cannot be one, with an empty or too long label.
                    except (aiohttp.ClientError, OSError, UnicodeError) as error:
                        fault = f"the connection failed ({type(error).__name__})"
        except TimeoutError:
            fault = "no answer in time"
        raise PrecallError(fault)

    async def _post(self, webhook: Mapping[str, Any], event_id: str, body: bytes) -> PrecallAnswer:
        if self._session is None:
            self._session = guarded_session(allow_private=self._allow_private)
        secret = webhook.get("secret")
        now = int(datetime.now(UTC).timestamp())
        headers = signed_headers([secret] if secret else [], event_id, now, body)
        headers |= {"Content-Type": "application/json", "User-Agent": USER_AGENT}
        async with self._session.post(
            webhook["url"], data=body, headers=headers, allow_redirects=False
        ) as response:
            if not 200 <= response.status < 300:
                raise PrecallError(f"answered with {response.status}")
            content = await response.content.read(MAX_ANSWER_BYTES + 1)
            while not response.content.at_eof() and len(content) <= MAX_ANSWER_BYTES:
                content += await response.content.read(MAX_ANSWER_BYTES)
        return read_answer(content)


def read_answer(content: bytes) -> PrecallAnswer:
    """The owner's answer; an empty one agrees with everything. Raises `PrecallError`."""
    if not content.strip():
        return PrecallAnswer()
    if len(content) > MAX_ANSWER_BYTES:
        raise PrecallError(f"the answer is larger than {MAX_ANSWER_BYTES} bytes")
    try:
        body = msgspec.json.decode(content, type=_Body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise PrecallError(f"the answer cannot be read: {error}") from error
    agent_id = None
    if body.agent_id is not None:
        agent_id = parse_identifier(body.agent_id)
        if agent_id is None:
            raise PrecallError("the answer's agent_id is not a UUID")
    code = None
    if body.reject is not None:
        code = body.reject.sip_code
        if code not in REJECT_CODES:
            raise PrecallError(f"a call cannot be rejected with {code}")
    variables = {name: _text(value) for name, value in (body.variables or {}).items()}
    return PrecallAnswer(agent_id, code, variables, body.metadata or {})


def _text(value: str | int | float | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _question(event_id: str, call: CallRecord) -> bytes:
    """The body, in the shape of a webhook's."""
    return msgspec.json.encode(
        {
            "id": event_id,
            "event": EVENT,
            "timestamp": timestamp(datetime.now(UTC)),
            "data": {
                "call_id": call.id,
                "agent_id": call.agent_id,
                "phone_number": call.phone_number,
                "from_number": call.from_number,
                "trunk_id": call.trunk_id,
                "sip": {"call_id": call.sip_call_id, "from": call.sip_from},
            },
        }
    )
