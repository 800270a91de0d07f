"""The transfers of a call that nobody makes: what is asked for is kept."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.errors import ConflictError, GatewayError
from gateway.transfers.plan import TransferPlan


@dataclass
class NotedTransfers:
    """Everything raises `refusal`, when there is one."""

    refusal: GatewayError | None = None
    plans: list[TransferPlan] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    agent_has_tools: bool = False
    put_through: bool = False

    def require_agent(self) -> None:
        if self.put_through:
            raise ConflictError("the agent has left", code="call_transferred")

    async def request(self, plan: TransferPlan, /) -> None:
        self._refuse()
        self.plans.append(plan)

    def complete(self) -> None:
        self._refuse()
        self.ends.append("completed")

    def cancel(self, reason: str = "cancelled") -> None:
        self._refuse()
        self.ends.append(reason)

    def patch_ended(self, other_leg_id: str, reason: str) -> None:
        self.ends.append(f"{other_leg_id}: {reason}")

    def _refuse(self) -> None:
        if self.refusal is not None:
            raise self.refusal
