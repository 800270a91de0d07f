"""Whom an agent may transfer a call to."""

from __future__ import annotations

import pytest

from gateway.agent_transfer import BEGUN, agent_transfer, is_named
from gateway.errors import ConflictError
from gateway.tool_use import TransferError, TransferRequest
from media import messages as m
from tests.gateway.conftest import OpenScene
from tests.gateway.doubles import until

PROMPT = "Transfer to the desk, +1 (415) 555-0188, or to sip:night@example.com. Be kind."


@pytest.mark.parametrize(
    ("target", "named"),
    [
        ("+14155550188", True),
        ("sip:night@example.com", True),
        ("+1415555018", False),
        ("+19005550100", False),
        ("sip:night@example.co", False),
        ("sip:other@example.com", False),
    ],
)
def test_only_who_stands_in_the_prompt_is_named(target: str, named: bool) -> None:
    assert is_named(PROMPT, target) is named


async def test_the_tool_begins_a_transfer_as_the_prompt_allows() -> None:
    begun: list[str] = []
    transfer = agent_transfer(PROMPT, begun.append)
    assert await transfer(TransferRequest("cold", "+1 415 555 0188")) == BEGUN
    assert begun == ["+14155550188"]
    for refused in (
        TransferRequest("warm", "+14155550188"),
        TransferRequest("cold"),
        TransferRequest("cold", "+19005550100"),
        TransferRequest("cold", "the desk"),
    ):
        with pytest.raises(TransferError):
            await transfer(refused)
    assert len(begun) == 1


async def test_what_cannot_be_done_is_told_to_the_agent() -> None:
    def refuse(target: str) -> None:
        raise ConflictError("the call is being transferred", code="transfer_running")

    with pytest.raises(TransferError, match="is being transferred"):
        await agent_transfer(PROMPT, refuse)(TransferRequest("cold", "+14155550188"))


async def test_a_call_goes_where_its_agent_sends_it(make_gateway: OpenScene) -> None:
    scene = await make_gateway(
        agent={"system_prompt": PROMPT, "built_in_config": {"transfer": {"cold": True}}}
    )
    call, session = await scene.answered()
    scene.phone.answer_in_dialog = False
    for number, target in enumerate(("+19005550100", "+14155550188")):
        scene.tell(
            session,
            m.ToolInvoked(
                leg_id=session.call.id,
                invocation_id=f"i{number}",
                tool_name="transferCall",
                parameters={"kind": "cold", "to": target},
            ),
        )
    refer = await call.until_request("REFER")
    assert refer["Refer-To"].startswith("<sip:+14155550188@")
    await until(lambda: len(scene.plane.sent(m.SendEngineMessage)) == 2)
    results = [command.message["result"] for command in scene.plane.sent(m.SendEngineMessage)]
    assert results[0].startswith("Calls can be transferred only")
    assert results[1] == BEGUN
