"""The transfer that an agent asks for by its tool.

A caller may talk an agent into much. A call can therefore be transferred only to who stands in the agent's
own prompt, which no caller writes: nobody gets calls to dear numbers out of it.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.errors import GatewayError
from gateway.tool_use import Transfer, TransferError, TransferRequest
from routing.numbers import is_e164

BEGUN = "The transfer is being tried. Say nothing until you are told what became of it."
COLD = "cold"
_SEPARATORS = str.maketrans("", "", " \t-.()/\u00a0\u2011")


def agent_transfer(prompt: str, transfer: Callable[[str], None]) -> Transfer:
    """The tool's side of `transfer`, which begins a cold transfer to a number or URI and raises
    `GatewayError`.
    """

    async def begin(request: TransferRequest) -> str:
        if request.kind != COLD:
            raise TransferError("Only a cold transfer is possible.")
        if request.to is None:
            raise TransferError("Say whom to transfer to: a number with + and the country code first.")
        target = _target(request.to)
        if not is_named(prompt, target):
            raise TransferError(
                "Calls can be transferred only to numbers that stand in your instructions, written as there."
            )
        try:
            transfer(target)
        except GatewayError as error:
            raise TransferError(error.message) from error
        return BEGUN

    return begin


def is_named(prompt: str, target: str) -> bool:
    """Whether a number, however it is grouped, or a URI stands in the prompt, and not merely as a part of a
    longer one.
    """
    if ":" not in target and not is_e164(target):
        return False
    text = prompt if ":" in target else prompt.translate(_SEPARATORS)
    at = text.find(target)
    while at >= 0:
        after = text[at + len(target) : at + len(target) + 1]
        if ":" in target:
            if not (after.isalnum() or after in ("-", "_", "@", ":")) or not after:
                return True
        elif not after.isdigit():
            return True
        at = text.find(target, at + 1)
    return False


def _target(to: str) -> str:
    return to.strip() if ":" in to else to.translate(_SEPARATORS)
