"""What is asked for when a call is to be transferred: already parsed, not yet checked against trunks and
policies.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.errors import InvalidRequestError


class TransferMode(StrEnum):
    """`cold`: at once. `warm`: the agent speaks to the target first, while the far party waits."""

    COLD = "cold"
    WARM = "warm"


class TransferMethod(StrEnum):
    """How the two are brought together. `refer`: the far party calls the target (RFC 3515); `bridge`: we
    call it and join both; `auto`: `refer` for a cold transfer where the far party takes it, else `bridge`.
    """

    AUTO = "auto"
    REFER = "refer"
    BRIDGE = "bridge"


class ShownCaller(StrEnum):
    """Whose number the target sees: one of ours, or that of the far party."""

    OWN = "own"
    CALLER = "caller"


@dataclass(frozen=True, slots=True)
class TransferPlan:
    """One transfer. `target` is a number in E.164 form or a SIP URI; `method` None and times of None leave it
    to the configuration. A warm transfer of the method `refer` has the far party take the agent's place
    (Replaces, RFC 3891). `digits` are pressed when the target has answered, `briefing` is what the agent is
    told to tell it.
    """

    target: str
    mode: TransferMode = TransferMode.COLD
    method: TransferMethod | None = None
    caller_id: ShownCaller = ShownCaller.OWN
    digits: str | None = None
    briefing: str | None = None
    ring_timeout_s: float | None = None
    consult_timeout_s: float | None = None

    def check(self) -> None:
        """Raises `InvalidRequestError` that names the field for what does not go together."""
        if self.mode is TransferMode.WARM:
            return
        for field, value in (("briefing", self.briefing), ("consult_timeout", self.consult_timeout_s)):
            if value is not None:
                raise InvalidRequestError(f"{field} goes with the mode warm.", field=field)
        if self.method is TransferMethod.REFER and self.digits is not None:
            raise InvalidRequestError(
                "Keys cannot be pressed where the far party calls by itself (refer).", field="dtmf"
            )
