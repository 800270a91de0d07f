"""An agent transfers to whom its instructions name, and to nobody else."""

import pytest

from gateway.agent_transfer import BEGUN, CANCELLED, COMPLETED, AgentTransfer
from gateway.errors import ConflictError
from gateway.tool_use import TransferError, TransferRequest
from gateway.transfers.plan import TransferMode, TransferPlan
from tests.gateway.transfers.noted_transfers import NotedTransfers

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
    desk = NotedTransfers()
    assert await AgentTransfer(desk, INSTRUCTIONS).begin(TransferRequest("cold", to)) == BEGUN
    assert desk.plans == [TransferPlan(target)]


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
    desk = NotedTransfers()
    transfer = AgentTransfer(desk, instructions)
    assert await transfer.begin(TransferRequest("cold", "+14155550188")) == BEGUN
    assert [plan.target for plan in desk.plans] == ["+14155550188"]


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
    with pytest.raises(TransferError):
        await AgentTransfer(NotedTransfers(), instructions).begin(TransferRequest("cold", to))


@pytest.mark.parametrize(
    "request_",
    [
        TransferRequest("cold", "+19005550100"),
        TransferRequest("cold", "+1415555018"),
        TransferRequest("cold", "sip:desk@pbx.example.co"),
        TransferRequest("cold", "sip:other@pbx.example.com"),
        TransferRequest("cold", None),
        TransferRequest("warm", "+14155550189"),
        TransferRequest("warm", "+14155550188", extension="77"),
        TransferRequest("warm", "+14155550188", extension="a"),
    ],
)
async def test_nobody_else_is_called(request_: TransferRequest) -> None:
    desk = NotedTransfers()
    with pytest.raises(TransferError):
        await AgentTransfer(desk, INSTRUCTIONS).begin(request_)
    assert desk.plans == []


async def test_a_transfer_that_cannot_begin_is_told_with_its_reason() -> None:
    desk = NotedTransfers(refusal=ConflictError("the call cannot be transferred now."))
    transfer = AgentTransfer(desk, INSTRUCTIONS)
    with pytest.raises(TransferError, match="cannot be transferred now"):
        await transfer.begin(TransferRequest("cold", "+14155550188"))
    for end in (transfer.complete, transfer.cancel):
        with pytest.raises(TransferError, match="cannot be transferred now"):
            end()


async def test_a_warm_one_takes_what_the_person_is_to_be_told_and_an_extension_that_is_named() -> None:
    desk = NotedTransfers()
    transfer = AgentTransfer(desk, INSTRUCTIONS + " Ann has extension 1234#.")
    request = TransferRequest("warm", "+14155550188", "Wants a refund.", "1234#")
    assert await transfer.begin(request) == BEGUN
    assert desk.plans == [
        TransferPlan("+14155550188", TransferMode.WARM, digits="1234#", briefing="Wants a refund.")
    ]
    assert (transfer.complete(), transfer.cancel()) == (COMPLETED, CANCELLED)
    assert desk.ends == ["completed", "cancelled by the agent"]
