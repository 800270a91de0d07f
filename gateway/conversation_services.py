"""What a conversation is given: services that all of them share, and whom it tells what became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from gateway.call import Call
from gateway.client_tools import ClientTools
from gateway.configuration.calls import CallsSection
from gateway.configuration.engine import EngineSection
from gateway.configuration.media import AmdSection, WatchdogsSection
from gateway.failure_reasons import EndReason, FailureReason
from gateway.metrics import GatewayMetrics
from gateway.transfers.plan import TransferPlan
from media.messages import RecordingFinished
from media.plane import MediaPlane
from media.ultravox.rest import UltravoxClient


class TransferDesk(Protocol):
    """The transfers of the call. Everything raises `gateway.errors.GatewayError`."""

    agent_has_tools: bool
    """Whether the agent can complete and cancel a warm one."""

    async def request(self, plan: TransferPlan, /) -> None: ...

    def complete(self) -> None: ...

    def cancel(self, reason: str = "cancelled") -> None: ...

    def patch_ended(self, other_leg_id: str, reason: str) -> None: ...


class ConversationListener(Protocol):
    """The session that owns the conversation."""

    def on_engine_open(self) -> None:
        """The engine's socket stands."""

    def on_media(self) -> None:
        """The far party's first packet has come."""

    def on_media_secured(self) -> None:
        """The keys are agreed on the media path."""

    def on_media_timeout(self, kind: str, silent_ms: int) -> None:
        """Nothing was heard of the far party for so long."""

    def on_media_returned(self) -> None:
        """It is heard again."""

    def on_agent_speech(self, *, speaking: bool) -> None:
        """The far party begins or ceases to hear the agent; told of browsers only."""

    def on_conversation_over(self, reason: EndReason) -> None:
        """The agent ended the conversation and everything it said was played."""

    @property
    def transfers(self) -> TransferDesk:
        """Has the far party speak to somebody else."""

    def on_conversation_lost(self, reason: FailureReason, detail: str) -> None:
        """The conversation cannot go on."""


@dataclass(frozen=True, slots=True)
class ConversationServices:
    """What every conversation shares."""

    plane: MediaPlane
    engine: UltravoxClient
    engine_config: EngineSection
    calls_config: CallsSection
    metrics: GatewayMetrics
    first_packet_timeout_s: float
    silence_timeout_s: float
    amd_config: AmdSection = field(default_factory=AmdSection)
    watchdogs_config: WatchdogsSection = field(default_factory=WatchdogsSection)
    client_tools: ClientTools | None = None
    on_recording_finished: Callable[[Call, RecordingFinished], None] | None = None
