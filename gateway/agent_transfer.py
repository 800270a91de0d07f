"""The transfer that an agent asks for in mid-call.

The agent may only name somebody whom its instructions name: a caller who talks it into transferring to a
number of his own would telephone at the organisation's expense.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from gateway.errors import GatewayError
from gateway.tool_use import Transfer, TransferError, TransferRequest

BEGUN = "The transfer has begun. Say nothing until you are told what became of it."
NOBODY = "Nobody to transfer to was named. Use a telephone number or SIP address from your instructions."
NOT_NAMED = (
    "Your instructions do not name that number, so the call cannot be transferred there. Tell the caller."
)
NOT_WARM = "A transfer with an announcement is not possible here. Tell the caller, and offer another way."

_SCHEMES = ("sip:", "sips:", "tel:")
_SPACING = re.compile(r"[\s().\-/\u00a0\u2010-\u2015]+")
_WITHIN = r"[ \t().\-/\u00a0\u2010-\u2015]"  # what may stand between two digits of one number


def agent_transfer(begin: Callable[[str], Awaitable[None]], instructions: str) -> Transfer:
    """`begin` starts a cold transfer to a number or SIP URI and raises `GatewayError` when it cannot;
    `instructions` is the agent's prompt as the engine has it.
    """

    async def transfer(request: TransferRequest) -> str:
        if request.kind != "cold":
            raise TransferError(NOT_WARM)
        if request.to is None:
            raise TransferError(NOBODY)
        target = request.to.strip()
        if target.lower().startswith(_SCHEMES):
            named = re.search(rf"{re.escape(target)}(?![\w:@-]|\.\w)", instructions) is not None
        else:
            target = _SPACING.sub("", target)
            named = target != "" and _is_named(target, instructions)
        if not named:
            raise TransferError(NOT_NAMED)
        try:
            await begin(target)
        except GatewayError as error:
            raise TransferError(f"The call was not transferred: {error.message} Tell the caller.") from error
        return BEGUN

    return transfer


def _is_named(number: str, instructions: str) -> bool:
    """Whether the number stands there, however it is spaced, and not as a part of a longer one."""
    digits = rf"{_WITHIN}{{0,3}}".join(re.escape(digit) for digit in number)
    # A plus begins a number whatever is before it, such as that of a list.
    begin = r"(?<!\+)" if number.startswith("+") else rf"(?<![\d+])(?<![\d+]{_WITHIN})"
    return re.search(rf"{begin}{digits}(?!{_WITHIN}?\d)", instructions) is not None
