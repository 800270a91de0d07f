"""Transfers of a live call, on the wire."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from control_api.schemas_shared import RequestModel
from gateway.transfers.agent_words import LONGEST_BRIEFING
from gateway.transfers.plan import ShownCaller, TransferMethod, TransferMode, TransferPlan

LONGEST_WAIT_S = 600


class TransferIn(RequestModel):
    """Whom the far party is to speak to instead."""

    target: Annotated[str, Field(min_length=3, max_length=512)] = Field(
        description="A number in E.164 form, or a SIP URI.", examples=["+14155550123", "sip:desk@example.com"]
    )
    mode: TransferMode = Field(
        default=TransferMode.COLD,
        description="`cold`: at once. `warm`: the agent speaks with the target first, while the far party"
        " hears music.",
    )
    method: TransferMethod | None = Field(
        default=None,
        description="`refer`: the far party is asked to call the target (RFC 3515); after a warm one to take"
        " the agent's place (Replaces). `bridge`: we call the target, and join both. `auto`: `refer` for a"
        " cold one, and `bridge` when it is refused. Left out: as configured (`calls.transfer_method`).",
    )
    caller_id: ShownCaller = Field(
        default=ShownCaller.OWN,
        description="Whose number a target that we call sees: `own`, one of ours, or `caller`, the far"
        " party's, where the trunk takes that.",
    )
    dtmf: Annotated[str, Field(pattern=r"^[0-9*#A-Da-dWw]+$", min_length=1, max_length=64)] | None = Field(
        default=None,
        description="Keys to press when a target that we call has answered, such as an extension; `w` waits"
        " half a second.",
    )
    briefing: Annotated[str, Field(min_length=1, max_length=LONGEST_BRIEFING)] | None = Field(
        default=None, description="What the agent is to tell the target of a warm transfer."
    )
    ring_timeout: Annotated[int, Field(ge=5, le=LONGEST_WAIT_S)] | None = Field(
        default=None, description="Seconds that a target which we call rings."
    )
    consult_timeout: Annotated[int, Field(ge=5, le=LONGEST_WAIT_S)] | None = Field(
        default=None, description="Seconds that the agent may speak with the target of a warm transfer."
    )

    def plan(self) -> TransferPlan:
        return TransferPlan(
            target=self.target,
            mode=self.mode,
            method=self.method,
            caller_id=self.caller_id,
            digits=self.dtmf,
            briefing=self.briefing,
            ring_timeout_s=self.ring_timeout,
            consult_timeout_s=self.consult_timeout,
        )
