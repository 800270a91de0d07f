"""What the agent of one call asks the gateway to do: its client tools, and the gateway's own.

Each invocation is answered over the engine's socket, because the conversation stands still until it is. A
tool that cannot do its work says so to the agent in words, which it can pass on to the caller.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any, Protocol

import structlog

from gateway.call import Call
from gateway.client_tools import ClientToolError, ClientTools, ToolAnswer
from gateway.engine_tools import CANCEL_TOOL, COMPLETE_TOOL, LEAVE_VOICEMAIL, TRANSFER
from media.messages import ToolInvoked
from store.agent_part_records import Tool, ToolKind

log = structlog.get_logger(__name__)

MAX_AT_ONCE = 8  # the engine asks for one after the other; more is a mistake of somebody

_RESPONSE_TYPES = frozenset({"tool-response", "hang-up", "new-stage"})
_REACTIONS = frozenset({"speaks", "listens", "speaks-once"})
NO_TRANSFER = "The call cannot be transferred. Tell the caller so, and go on without it."


class TransferError(Exception):
    """The call was not transferred; the text is for the agent."""


@dataclass(frozen=True, slots=True)
class TransferRequest:
    """What the agent wants: `kind` is `cold` or `warm`, `to` whom it named, `extension` the keys to press."""

    kind: str
    to: str | None = None
    reason: str | None = None
    extension: str | None = None


Work = Callable[[], Awaitable[ToolAnswer]]


class Transfer(Protocol):
    """Each returns what the agent is to know. Raises `TransferError`."""

    async def begin(self, request: TransferRequest, /) -> str: ...

    def complete(self) -> str: ...

    def cancel(self) -> str: ...


class ToolControl(Protocol):
    """What tools may do to their conversation."""

    def tell_engine(self, **message: Any) -> None:
        """Send one data message to the engine."""


@dataclass(frozen=True, slots=True)
class CallTools:
    """The tools of one call, as they stood when it began."""

    tools: tuple[Tool, ...] = ()
    transfers: frozenset[str] = frozenset()  # the kinds that the agent may use

    def client_tool(self, name: str) -> Tool | None:
        """The client tool that the model calls so."""
        for tool in self.tools:
            if tool.model_tool_name == name and tool.kind is ToolKind.CLIENT:
                return tool
        return None


@dataclass(slots=True)
class ToolUse:
    """Answers the invocations of one call."""

    call: Call
    control: ToolControl
    tools: CallTools
    client_tools: ClientTools | None
    observe: Callable[[str], None]  # told the outcome of each: ok, failed, unknown
    leave_voicemail: Callable[[str | None], bool]
    transfer: Transfer | None = None
    _running: set[asyncio.Task[None]] = field(default_factory=set)

    def invoked(self, event: ToolInvoked) -> None:
        """The agent has asked for a tool."""
        tool = self.tools.client_tool(event.tool_name)
        parameters = event.parameters
        if event.tool_name == TRANSFER and self.tools.transfers:
            self._start(event, lambda: self._transfer(parameters))
        elif event.tool_name in (COMPLETE_TOOL, CANCEL_TOOL) and "warm" in self.tools.transfers:
            self._start(event, partial(self._end_transfer, complete=event.tool_name == COMPLETE_TOOL))
        elif event.tool_name == LEAVE_VOICEMAIL:
            self._voicemail(event)
        elif tool is not None and self.client_tools is not None:
            run = partial(self.client_tools.run, tool, parameters, self._headers(event))
            self._start(event, run)
        else:
            self.call.step("tool-unknown", tool=event.tool_name)
            self.observe("unknown")
            self._fail(event, "undefined", "the gateway serves no such tool")

    def close(self) -> None:
        """The call is over: nobody waits for an answer."""
        for task in self._running:
            task.cancel()

    def _start(self, event: ToolInvoked, work: Work) -> None:
        if len(self._running) >= MAX_AT_ONCE:
            self.observe("failed")
            self._fail(event, "implementation-error", "too many tools are being used at once")
            return
        task = asyncio.create_task(self._answer(event, work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _answer(self, event: ToolInvoked, work: Work) -> None:
        begun = monotonic()
        self.call.step("tool-invoked", tool=event.tool_name)
        try:
            answer = await work()
        except ClientToolError as error:
            self._failed(event, begun, str(error))
            return
        except Exception as error:
            log.exception("tool_crashed", call_id=self.call.id, tool=event.tool_name)
            self._failed(event, begun, type(error).__name__)
            return
        took_ms = int((monotonic() - begun) * 1000)
        self.call.step("tool-answered", tool=event.tool_name, took_ms=took_ms)
        self.observe("ok")
        message: dict[str, Any] = {"invocationId": event.invocation_id, "result": answer.text}
        if answer.response_type in _RESPONSE_TYPES:
            message["responseType"] = answer.response_type
        if answer.reaction in _REACTIONS:
            message["agentReaction"] = answer.reaction
        if answer.call_state is not None:
            message["updateCallState"] = answer.call_state
        self.control.tell_engine(type="client_tool_result", **message)

    async def _transfer(self, parameters: Mapping[str, Any]) -> ToolAnswer:
        kind = str(parameters.get("kind") or next(iter(sorted(self.tools.transfers))))
        if self.transfer is None or kind not in self.tools.transfers:
            self.call.step("transfer-refused", transfer=kind, reason="not-possible")
            return ToolAnswer(NO_TRANSFER)
        to, reason, extension = (_text(parameters.get(name)) for name in ("to", "reason", "extension"))
        try:
            begun = await self.transfer.begin(TransferRequest(kind, to, reason, extension))
            return ToolAnswer(begun, reaction="listens")
        except TransferError as error:
            return ToolAnswer(str(error) or NO_TRANSFER)

    async def _end_transfer(self, *, complete: bool) -> ToolAnswer:
        if self.transfer is None:
            return ToolAnswer(NO_TRANSFER)
        try:
            return ToolAnswer(
                self.transfer.complete() if complete else self.transfer.cancel(), reaction="listens"
            )
        except TransferError as error:
            return ToolAnswer(str(error))

    def _voicemail(self, event: ToolInvoked) -> None:
        message = _text(event.parameters.get("message"))
        self.call.step("tool-invoked", tool=event.tool_name)
        if self.leave_voicemail(message):
            self.observe("ok")
            result, reaction = "The message will be left after the beep. Say nothing more.", "listens"
        else:
            self.observe("failed")
            result, reaction = "No message can be left in this call.", "speaks"
        self.control.tell_engine(
            type="client_tool_result",
            invocationId=event.invocation_id,
            result=result,
            agentReaction=reaction,
        )

    def _failed(self, event: ToolInvoked, begun: float, why: str) -> None:
        took_ms = int((monotonic() - begun) * 1000)
        self.call.step("tool-failed", tool=event.tool_name, error=why, took_ms=took_ms)
        self.observe("failed")
        self._fail(event, "implementation-error", why)

    def _fail(self, event: ToolInvoked, kind: str, why: str) -> None:
        self.control.tell_engine(
            type="client_tool_result",
            invocationId=event.invocation_id,
            errorType=kind,
            errorMessage=why,
        )

    def _headers(self, event: ToolInvoked) -> dict[str, str]:
        """By these the tool's owner knows what it is asked for."""
        record = self.call.record
        return {
            "X-Call-Id": record.id,
            "X-Agent-Id": record.agent_id,
            "X-Invocation-Id": event.invocation_id,
            "User-Agent": "trunkline",
        }


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
