"""Every invocation is answered, whatever becomes of the tool."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from gateway.client_tools import ClientToolError, ClientTools, ToolAnswer
from gateway.configuration.engine import ToolsSection
from gateway.engine_tools import CANCEL_TOOL, COMPLETE_TOOL, LEAVE_VOICEMAIL, TRANSFER
from gateway.tool_use import NO_TRANSFER, CallTools, ToolUse, Transfer, TransferError, TransferRequest
from media.messages import ToolInvoked
from store.agent_part_records import Tool
from tests.gateway.samples import in_progress
from tests.gateway.test_client_tools import TOOL


class Answers(ClientTools):
    """Answers as told, without a request."""

    def __init__(self, answer: ToolAnswer | Exception) -> None:
        super().__init__(ToolsSection())
        self.answer = answer
        self.asked: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def run(self, tool: Tool, arguments: Mapping[str, Any], headers: Mapping[str, str]) -> ToolAnswer:
        self.asked.append((tool.name, dict(arguments), dict(headers)))
        await self.may_answer.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class TransferAnswers:
    """What becomes of transfers that the agent asks for."""

    def __init__(self, refusal: TransferError | None = None) -> None:
        self.refusal = refusal
        self.asked: list[TransferRequest] = []

    async def begin(self, request: TransferRequest, /) -> str:
        self.asked.append(request)
        return self._answer("You are being connected.")

    def complete(self) -> str:
        return self._answer("Put through.")

    def cancel(self) -> str:
        return self._answer("Given up.")

    def _answer(self, text: str) -> str:
        if self.refusal is not None:
            raise self.refusal
        return text


class Scene:
    def __init__(
        self,
        answer: ToolAnswer | Exception = ToolAnswer("booked"),  # noqa: B008 - frozen
        *,
        transfers: frozenset[str] = frozenset(),
        transfer: Transfer | None = None,
        voicemail: bool = False,
    ) -> None:
        self.call = in_progress()
        self.told: list[dict[str, Any]] = []
        self.outcomes: list[str] = []
        self.messages: list[str | None] = []
        self.client = Answers(answer)

        def leave(message: str | None) -> bool:
            self.messages.append(message)
            return voicemail

        self.use = ToolUse(
            self.call, self, CallTools((TOOL,), transfers), self.client, self.outcomes.append, leave, transfer
        )

    def tell_engine(self, **message: Any) -> None:
        self.told.append(message)

    async def invoke(self, name: str, **parameters: Any) -> dict[str, Any]:
        """The message that answers the invocation."""
        before = len(self.told)
        self.use.invoked(ToolInvoked(leg_id="l", tool_name=name, invocation_id="i", parameters=parameters))
        async with asyncio.timeout(5):
            while len(self.told) == before:
                await asyncio.sleep(0)
        assert self.told[-1]["type"] == "client_tool_result"
        assert self.told[-1]["invocationId"] == "i"
        return self.told[-1]

    def steps(self) -> list[str]:
        return [event.kind for event in self.call.timeline if event.kind.startswith("t")]


async def test_a_client_tools_answer_goes_to_the_agent() -> None:
    scene = Scene()
    told = await scene.invoke("book", table="7")
    assert told["result"] == "booked"
    assert "responseType" not in told
    ((name, arguments, headers),) = scene.client.asked
    assert (name, arguments) == ("book", {"table": "7"})
    assert (headers["X-Call-Id"], headers["X-Agent-Id"], headers["X-Invocation-Id"]) == ("c1", "agent", "i")
    assert scene.steps() == ["tool-invoked", "tool-answered"]
    assert scene.outcomes == ["ok"]


async def test_the_owners_words_about_the_agent_are_passed_on_and_unknown_ones_are_not() -> None:
    known = Scene(ToolAnswer("bye", "hang-up", "listens", {"a": 1}))
    told = await known.invoke("book")
    assert (told["responseType"], told["agentReaction"]) == ("hang-up", "listens")
    assert told["updateCallState"] == {"a": 1}
    unknown = await Scene(ToolAnswer("x", "explode", "dances")).invoke("book")
    assert not {"responseType", "agentReaction"} & set(unknown)


@pytest.mark.parametrize("error", [ClientToolError("HTTP status 500"), RuntimeError("secret")])
async def test_a_tool_that_fails_is_told_as_a_failure(error: Exception) -> None:
    scene = Scene(error)
    told = await scene.invoke("book")
    assert told["errorType"] == "implementation-error"
    assert "secret" not in told["errorMessage"]
    assert scene.steps() == ["tool-invoked", "tool-failed"]
    assert scene.outcomes == ["failed"]


async def test_a_tool_that_nobody_serves_is_undefined() -> None:
    scene = Scene()
    for name in ("other", TRANSFER):
        assert (await scene.invoke(name))["errorType"] == "undefined"
    assert scene.outcomes == ["unknown", "unknown"]


async def test_a_transfer_that_is_not_possible_is_told_in_words() -> None:
    scene = Scene(transfers=frozenset({"cold"}))
    assert (await scene.invoke(TRANSFER, kind="cold", to="sales"))["result"] == NO_TRANSFER

    answers = TransferAnswers(TransferError("Sales does not answer. Tell the caller."))
    refused = Scene(transfers=frozenset({"cold"}), transfer=answers)
    assert (await refused.invoke(TRANSFER, kind="cold"))["result"].startswith("Sales does not answer")
    assert (await refused.invoke(TRANSFER, kind="warm"))["result"] == NO_TRANSFER


async def test_a_transfer_that_has_begun_lets_the_agent_be_silent() -> None:
    answers = TransferAnswers()
    scene = Scene(transfers=frozenset({"cold", "warm"}), transfer=answers)
    told = await scene.invoke(TRANSFER, kind="warm", to="sales", reason="an order", extension="12")
    assert answers.asked == [TransferRequest("warm", "sales", "an order", "12")]
    assert told["agentReaction"] == "listens"


async def test_a_warm_transfer_is_completed_and_cancelled_by_tools_of_their_own() -> None:
    answers = TransferAnswers()
    scene = Scene(transfers=frozenset({"warm"}), transfer=answers)
    assert (await scene.invoke(COMPLETE_TOOL))["result"] == "Put through."
    assert (await scene.invoke(CANCEL_TOOL))["result"] == "Given up."
    answers.refusal = TransferError("Nobody is consulted.")
    assert (await scene.invoke(COMPLETE_TOOL))["result"] == "Nobody is consulted."
    cold = Scene(transfers=frozenset({"cold"}), transfer=answers)
    assert (await cold.invoke(COMPLETE_TOOL))["errorType"] == "undefined"


async def test_an_agent_that_noticed_a_machine_leaves_its_message_or_hears_that_it_cannot() -> None:
    scene = Scene(voicemail=True)
    assert (await scene.invoke(LEAVE_VOICEMAIL, message="Call back."))["agentReaction"] == "listens"
    assert scene.messages == ["Call back."]
    assert (await Scene().invoke(LEAVE_VOICEMAIL))["agentReaction"] == "speaks"


async def test_tools_beyond_the_limit_fail_and_the_end_of_the_call_ends_those_under_way() -> None:
    scene = Scene()
    scene.client.may_answer.clear()
    for _ in range(8):
        scene.use.invoked(ToolInvoked(leg_id="l", tool_name="book", invocation_id="i", parameters={}))
    assert (await scene.invoke("book"))["errorType"] == "implementation-error"
    running = set(scene.use._running)
    scene.use.close()
    await asyncio.gather(*running, return_exceptions=True)
    assert len(scene.told) == 1
