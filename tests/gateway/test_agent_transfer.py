"""An agent transfers to whom its instructions name, and to nobody else."""

from collections.abc import Awaitable, Callable

import pytest

from gateway.agent_transfer import BEGUN, agent_transfer
from gateway.errors import ConflictError
from gateway.tool_use import TransferError, TransferRequest

INSTRUCTIONS = "Sales is at +1 (415) 555-0188, the desk at sip:desk@pbx.example.com. Be kind."


def _noting(begun: list[str]) -> Callable[[str], Awaitable[None]]:
    async def begin(target: str) -> None:
        begun.append(target)

    return begin


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
    transfer = agent_transfer(_noting(begun), INSTRUCTIONS)
    assert await transfer(TransferRequest("cold", to)) == BEGUN
    assert begun == [target]


@pytest.mark.parametrize(
    "instructions",
    [
        "1. +14155550187\n2. +14155550188\n3. +14155550189",
        "We are open from 9 to 5. +1 415 555 0188",
        "+1.415.555.0188\n2 people work there",
        "Extension 7 +1-415-555-0188, 24 hours",
    ],
)
async def test_a_number_is_found_among_other_digits(instructions: str) -> None:
    begun: list[str] = []
    assert (
        await agent_transfer(_noting(begun), instructions)(TransferRequest("cold", "+14155550188")) == BEGUN
    )
    assert begun == ["+14155550188"]


@pytest.mark.parametrize(
    ("instructions", "to"),
    [
        ("Call +49 30 12345 678.", "+493012345"),
        ("Call 0900 123 4567 8.", "09001234567"),
        ("Call 00 49 30 12345.", "493012345"),
        ("Call +49 30 12345.", "493012345"),
    ],
)
async def test_a_part_of_a_number_is_not_named(instructions: str, to: str) -> None:
    begun: list[str] = []
    with pytest.raises(TransferError):
        await agent_transfer(_noting(begun), instructions)(TransferRequest("cold", to))


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
        await agent_transfer(_noting(begun), INSTRUCTIONS)(request_)
    assert begun == []


async def test_a_transfer_that_cannot_begin_is_told_with_its_reason() -> None:
    async def refuse(target: str) -> None:
        raise ConflictError("the call cannot be transferred now.")

    with pytest.raises(TransferError, match="cannot be transferred now"):
        await agent_transfer(refuse, INSTRUCTIONS)(TransferRequest("cold", "+14155550188"))
