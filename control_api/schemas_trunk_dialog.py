"""What a trunk's far side may do in a call, on the wire."""

from __future__ import annotations

from typing import Any

from pydantic import Field, StrictBool

from control_api.schemas_shared import RequestModel, ResponseModel
from store.trunk_dialog_records import Ringback, TrunkDialog


class TrunkDialogIn(RequestModel):
    """What the far side may do in a call, and what a caller hears before the answer."""

    allow_refer: StrictBool = Field(
        default=False,
        description="Whether a REFER of the far side sends the call on to whom it names, as far as the rules "
        "for outbound calls let us call there. Else it is refused with 603.",
    )
    allow_messages: StrictBool = Field(
        default=False,
        description="Whether the text of a MESSAGE in a call is told to the agent. Else it is refused with "
        "405.",
    )
    ringback: Ringback = Field(
        default=Ringback.NONE,
        description="What a caller hears until the answer: `none`: what its own side makes of our 180; "
        "`tone`: a ringing tone of ours, in early media.",
    )

    def to_record(self) -> TrunkDialog:
        return TrunkDialog(self.allow_refer, self.allow_messages, self.ringback)


class TrunkDialogOut(ResponseModel):
    allow_refer: bool
    allow_messages: bool
    ringback: Ringback


def render_dialog(dialog: TrunkDialog) -> dict[str, Any]:
    return {
        "allow_refer": dialog.allow_refer,
        "allow_messages": dialog.allow_messages,
        "ringback": dialog.ringback.value,
    }
