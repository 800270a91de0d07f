"""The transfers that an agent asks for in mid-call.

The agent may only name somebody whom its instructions name: a caller who talks it into transferring to a
number of his own would telephone at the organisation's expense.
"""

from __future__ import annotations

import re
from typing import Protocol

from gateway.errors import GatewayError
from gateway.tool_use import TransferError, TransferRequest
from gateway.transfers.plan import TransferMode, TransferPlan

BEGUN = "The transfer has begun. Say nothing until you are told what became of it."
NOBODY = "Nobody to transfer to was named. Use a telephone number or SIP address from your instructions."
NOT_NAMED = (
    "Your instructions do not name that number, so the call cannot be transferred there. Tell the caller."
)
NOT_NAMED_EXTENSION = "Your instructions do not name that extension. Use one from them, or none."
COMPLETED = "The caller is being put through. Your part of the call is over; say nothing more."
CANCELLED = "The transfer has been given up."
NOT_NOW = "That is not possible now: {}"

_SCHEMES = ("sip:", "sips:", "tel:")
_KEYS = re.compile(r"[0-9*#wW]{1,32}")
_SPACING = re.compile(r"[\s().\-/\u00a0\u2010-\u2015]+")
_WITHIN = r"[ \t().\-/\u00a0\u2010-\u2015]"  # what may stand between two digits of one number


class TransferDesk(Protocol):
    """The transfers of the call. Everything raises `GatewayError`."""

    async def request(self, plan: TransferPlan, /) -> None: ...

    def complete(self) -> None: ...

    def cancel(self, reason: str = "cancelled") -> None: ...


class AgentTransfer:
    """What the agent of one call may do; `instructions` is its prompt as the engine has it."""

    def __init__(self, desk: TransferDesk, instructions: str) -> None:
        self._desk = desk
        self._instructions = instructions

    async def begin(self, request: TransferRequest) -> str:
        """Begin a transfer; what the agent is to know. Raises `TransferError`."""
        if request.to is None:
            raise TransferError(NOBODY)
        target = request.to.strip()
        if target.lower().startswith(_SCHEMES):
            named = re.search(rf"{re.escape(target)}(?![\w:@-]|\.\w)", self._instructions) is not None
        else:
            target = _SPACING.sub("", target)
            named = target != "" and _is_named(target, self._instructions)
        if not named:
            raise TransferError(NOT_NAMED)
        mode = TransferMode(request.kind)
        plan = TransferPlan(
            target,
            mode,
            digits=self._extension(request.extension),
            briefing=request.reason if mode is TransferMode.WARM else None,
        )
        try:
            await self._desk.request(plan)
        except GatewayError as error:
            raise TransferError(f"The call was not transferred: {error.message} Tell the caller.") from error
        return BEGUN

    def complete(self) -> str:
        """Put the caller through. Raises `TransferError`."""
        try:
            self._desk.complete()
        except GatewayError as error:
            raise TransferError(NOT_NOW.format(error.message)) from error
        return COMPLETED

    def cancel(self) -> str:
        """Take the caller back. Raises `TransferError`."""
        try:
            self._desk.cancel("cancelled by the agent")
        except GatewayError as error:
            raise TransferError(NOT_NOW.format(error.message)) from error
        return CANCELLED

    def _extension(self, digits: str | None) -> str | None:
        """Keys to press when somebody answers: they decide who is reached, so that they have to be named
        too.
        """
        if digits is None:
            return None
        digits = digits.strip()
        if not _KEYS.fullmatch(digits) or not _is_named(digits, self._instructions):
            raise TransferError(NOT_NAMED_EXTENSION)
        return digits


def _is_named(number: str, instructions: str) -> bool:
    """Whether the number stands there, however it is spaced, and not as a part of a longer one."""
    digits = rf"{_WITHIN}{{0,3}}".join(re.escape(digit) for digit in number)
    # A plus begins a number whatever is before it, such as that of a list.
    begin = r"(?<!\+)" if number.startswith("+") else rf"(?<![\d+])(?<![\d+]{_WITHIN})"
    return re.search(rf"{begin}{digits}(?!{_WITHIN}?\d)", instructions) is not None
