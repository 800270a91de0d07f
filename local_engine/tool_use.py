"""Using a tool in a call: invoking it, freezing until it answers, and reading the answer.

Sans-I/O. A step returns what the conversation is to do next; nothing is said or ended here.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local_engine.actions import Action, HangUp, Say, UseTool
from local_engine.data_messages import ClientToolResult, KnownToolResult
from local_engine.records import HistoryMessage, Role
from local_engine.scenario import ToolOutcome
from local_engine.tool_calls import (
    PendingTool,
    Reaction,
    built_in_actions,
    default_reaction,
    hang_up_request,
    immediate_answer,
    reaction_of,
    reacts,
)
from local_engine.tools import CallTool, CallTools, ToolKind
from local_engine.transcript import AGENT, VOICE, transcript_message
from local_engine.wire import Outlet, State

# Results sent along with a forced message for calls that never come are forgotten beyond this.
MAX_KNOWN_RESULTS = 100


@dataclass(frozen=True, slots=True)
class ToolStep:
    """What follows from a tool: actions to do first, an outcome for the scenario, a new stage."""

    actions: Sequence[Action] = ()
    outcome: ToolOutcome | None = None
    drop_queue: bool = False
    new_stage: Mapping[str, Any] | None = None


class ToolUse:
    """The tools of one call at work, one at a time."""

    def __init__(self, tools: CallTools, outlet: Outlet, *, empty_final: bool) -> None:
        self._tools = tools
        self._outlet = outlet
        self._empty_final = empty_final
        self._known: dict[str, KnownToolResult] = {}
        self.pending: PendingTool | None = None

    def know(self, results: Sequence[KnownToolResult]) -> None:
        """Results a client sent ahead of the calls they belong to."""
        for result in results:
            self._known[result.invocation_id] = result
        while len(self._known) > MAX_KNOWN_RESULTS:
            del self._known[next(iter(self._known))]

    def use(self, action: UseTool, now: float, *, spoke_before: bool) -> ToolStep:
        """Begin. While `pending` is set afterwards, the conversation is frozen."""
        invocation_id = action.invocation_id or str(uuid.uuid4())
        if self._empty_final:
            ordinal = self._outlet.next_ordinal()
            self._outlet.send(transcript_message(AGENT, VOICE, ordinal, text="", final=True))
        self._outlet.next_ordinal()
        arguments = json.dumps(dict(action.arguments), separators=(",", ":"), default=str)
        self._outlet.wire.remember(
            HistoryMessage(Role.TOOL_CALL, arguments, tool_name=action.name, invocation_id=invocation_id)
        )
        tool = self._tools.get(action.name)
        pending = PendingTool(
            invocation_id,
            action.name,
            action.arguments,
            now + (tool.timeout_s if tool is not None else 0.0),
            default_reaction(tool) if tool is not None else Reaction.SPEAKS,
            spoke_before,
        )
        self.pending = pending
        known = self._known.pop(invocation_id, None)
        if known is not None:
            return self.result(
                ClientToolResult(invocation_id, known.result, known.response_type, known.agent_reaction)
            )
        if tool is None:
            return self.fail(f"no tool is named {action.name!r}")
        return self._invoke(tool, pending)

    def result(self, result: ClientToolResult) -> ToolStep:
        """A client has answered. An answer nobody waits for is ignored."""
        pending = self.pending
        if pending is None or pending.invocation_id != result.invocation_id:
            self._outlet.wire.note("info", "tool.result_ignored", "a result for no pending invocation")
            return ToolStep()
        if result.error_type:
            return self.fail(f"{result.error_type}: {result.error_message or ''}")
        self._done(pending, result.result or "", None)
        if result.update_call_state:
            self._outlet.wire.update_call_state(result.update_call_state)
        if result.response_type == "hang-up":
            request = hang_up_request(result.result)
            said: tuple[Action, ...] = (Say(request.message, request.strict),) if request.message else ()
            return ToolStep((*said, HangUp(soft=not request.strict)), drop_queue=True)
        stage = _json_object(result.result) if result.response_type == "new-stage" else None
        if result.response_type == "new-stage" and stage is None:
            self._outlet.wire.note("error", "stage.invalid", "the new-stage result is not a JSON object")
        speaks = reacts(reaction_of(result, pending), pending.spoke_before)
        outcome = ToolOutcome(pending.name, pending.arguments, result.result or "", None, speaks)
        return ToolStep(outcome=outcome, new_stage=stage)

    def fail(self, why: str) -> ToolStep:
        """The pending tool did not work."""
        pending = self.pending
        if pending is None:
            return ToolStep()
        self._done(pending, "", why)
        self._outlet.wire.note("warning", "tool.failed", f"{pending.name}: {why}")
        return ToolStep(outcome=ToolOutcome(pending.name, pending.arguments, "", why))

    def _invoke(self, tool: CallTool, pending: PendingTool) -> ToolStep:
        call = {
            "toolName": tool.name,
            "invocationId": pending.invocation_id,
            "parameters": dict(pending.arguments),
        }
        self._outlet.send({"type": "invoking_tool", **call})
        static = immediate_answer(tool)
        if static is not None:
            return self.result(ClientToolResult(pending.invocation_id, static))
        if tool.kind is ToolKind.CLIENT:
            self._outlet.set_state(State.THINKING)
            self._outlet.send({"type": "client_tool_invocation", **call})
            return ToolStep()
        if tool.kind is ToolKind.HTTP or tool.base_name == "queryCorpus":
            self._outlet.set_state(State.THINKING)
            self._outlet.wire.carry_out(tool, pending.arguments, pending.invocation_id)
            return ToolStep()
        if tool.kind is ToolKind.BUILT_IN:
            actions = built_in_actions(tool, pending.arguments)
            if actions is None:
                return self.fail(f"{tool.base_name} does not work on this medium")
            self._done(pending, "OK", None)
            return ToolStep(actions)
        return self.fail("this engine does not carry out data connection tools")

    def _done(self, pending: PendingTool, result: str, failure: str | None) -> None:
        self.pending = None
        self._outlet.next_ordinal()
        self._outlet.wire.remember(
            HistoryMessage(
                Role.TOOL_RESULT,
                result,
                tool_name=pending.name,
                invocation_id=pending.invocation_id,
                error_details=failure,
            )
        )
        if failure is None:
            used = {"type": "tool_used", "toolName": pending.name, "invocationId": pending.invocation_id}
            self._outlet.send(used)


def _json_object(text: str | None) -> dict[str, Any] | None:
    try:
        value = json.loads(text or "")
    except json.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
