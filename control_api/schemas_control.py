"""What can be done to a live call, on the wire."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StrictBool

from control_api.schemas_shared import RequestModel, ResponseModel, Timestamp
from gateway.call_actions import Side
from gateway.call_control import ListenTicket
from gateway.timestamps import timestamp

LONGEST_TEXT = 5_000
MOST_DIGITS = 64


def _said(value: str) -> str:
    if not value.strip():
        raise ValueError("must hold more than spaces")
    return value


Text = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT), AfterValidator(_said)]


class SayUrgency(StrEnum):
    SOON = "soon"
    IMMEDIATE = "immediate"


class MessageUrgency(StrEnum):
    IMMEDIATE = "immediate"
    SOON = "soon"
    LATER = "later"


class SayIn(RequestModel):
    """Words for the agent to say as they are."""

    text: Text
    uninterruptible: StrictBool = Field(default=False, description="The caller cannot talk over them.")
    urgency: SayUrgency = Field(
        default=SayUrgency.SOON, description="`immediate` breaks off what the agent says now."
    )


class MessageIn(RequestModel):
    """Words to the agent, as if the caller had written them."""

    text: Text
    urgency: MessageUrgency = Field(
        default=MessageUrgency.SOON,
        description="`immediate` makes the agent answer at once, `later` makes it know without answering.",
    )


class PlayIn(RequestModel):
    """A sound file (WAV, MP3) to be played in place of the agent: one of `path` and `url`."""

    path: Annotated[str, Field(min_length=1, max_length=512)] | None = Field(
        default=None, description="A file in the gateway's directory of sounds (`control.play_dir`)."
    )
    url: Annotated[str, Field(min_length=1, max_length=2_048)] | None = Field(
        default=None, description="http or https, at a public address, without redirects."
    )
    loop: StrictBool = Field(default=False, description="Again and again, until it is stopped.")
    volume: Annotated[float, Field(gt=0, le=4)] = Field(default=1.0, description="A factor.")


class MuteIn(RequestModel):
    """Who is muted."""

    side: Side = Field(
        default=Side.AGENT, description="`agent`: the caller hears silence; `caller`: the agent does."
    )


class DigitsIn(RequestModel):
    """Keys to press for the far party."""

    digits: Annotated[str, Field(pattern=r"^[0-9*#A-Da-dWw]+$", min_length=1, max_length=MOST_DIGITS)] = (
        Field(description="`0`-`9`, `*`, `#`, `A`-`D`; `w` waits half a second.")
    )


class ListenOut(ResponseModel):
    """Where to listen: good for one connection, until `expires_at`."""

    url: str = Field(description="WebSocket; the answer to connecting is described in docs/api.md.")
    expires_at: Timestamp


def render_ticket(ticket: ListenTicket, url: str) -> dict[str, Any]:
    return {"url": url, "expires_at": timestamp(ticket.expires_at)}
