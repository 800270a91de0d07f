"""What transfers are given: services that all of them share, and the session that each of them acts on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gateway.cluster.leases import Leases
from gateway.failure_reasons import FailureReason
from gateway.transfers.parted_call import HoldingSession
from gateway.transfers.plan import TransferMethod
from gateway.transfers.route import TransferRouter
from gateway.transfers.target_leg import TargetLegServices
from media.plane import MediaPlane
from sip.user_agent import Call as SipCall


class TransferringSession(HoldingSession, Protocol):
    """What a transfer does to its call."""

    @property
    def sip(self) -> SipCall | None:
        """None for a browser."""
        ...

    @property
    def over(self) -> bool: ...

    @property
    def transfer_running(self) -> bool:
        """Whether one is under way, of ours or of the far party's own."""
        ...

    def transferred(self) -> None:
        """Our part is over: the call ends as transferred."""
        ...

    def target_lost(self, reason: FailureReason, detail: str) -> None:
        """Whom the far party was joined with is gone by a fault."""
        ...


@dataclass(frozen=True, slots=True)
class TransferServices:
    """What every transfer shares. Times are seconds."""

    router: TransferRouter
    plane: MediaPlane
    leases: Leases
    leg: TargetLegServices
    method: TransferMethod = TransferMethod.AUTO
    refer_timeout_s: float = 60.0
    ring_timeout_s: float = 30.0
    consult_timeout_s: float = 180.0
    hold_music: Path | None = None
