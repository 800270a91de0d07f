"""An agent transfers to whom its instructions name, and to nobody else."""

import pytest

from gateway.agent_transfer import BEGUN, agent_transfer
from gateway.errors import ConflictError
from gateway.tool_use import TransferError, TransferRequest

INSTRUCTIONS = "Sales is at +1 (415) 555-0188, the desk at sip:desk@pbx.example.com. Be kind."


@pytest.mark.parametrize(
    ("to", "target"),
    [
        ("+14155550188", "+14155550188"),
        ("+1 415 555 0188", "+14155550188"),
        ("sip:desk@pbx.example.com", "sip:desk@pbx.example.com"),
    ],
)
async def test_whom_the_instructions_name_is_called(to: str, target: str) -> None:
    begun: list[str] = []
    transfer = agent_transfer(begun.append, INSTRUCTIONS)
    assert await transfer(TransferRequest("cold", to)) == BEGUN
    assert begun == [target]


@pytest.mark.parametrize(
    "request_",
    [
        TransferRequest("cold", "+19005550100"),
        TransferRequest("cold", "+1415555018"),
        TransferRequest("cold", "sip:desk@pbx.example.co"),
        TransferRequest("cold", "sip:other@pbx.example.com"),
        TransferRequest("cold", None),
        TransferRequest("warm", "+14155550188"),
    ],
)
async def test_nobody_else_is_called(request_: TransferRequest) -> None:
    begun: list[str] = []
    with pytest.raises(TransferError):
        await agent_transfer(begun.append, INSTRUCTIONS)(request_)
    assert begun == []


async def test_a_transfer_that_cannot_begin_is_told_with_its_reason() -> None:
    def refuse(target: str) -> None:
        raise ConflictError("the call cannot be transferred now.")

    with pytest.raises(TransferError, match="cannot be transferred now"):
        await agent_transfer(refuse, INSTRUCTIONS)(TransferRequest("cold", "+14155550188"))
