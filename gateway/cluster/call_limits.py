"""Which limits a call counts against."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.cluster.limits import Counted, Limit
from routing.table import RoutedNumber, RoutedTrunk


@dataclass(frozen=True, slots=True)
class CallLimits:
    """What the configuration limits in all nodes together; 0 is no limit. Numbers and trunks add theirs."""

    in_cluster: int = 0
    per_organization: int = 0

    def of(self, organization_id: str, trunk: RoutedTrunk | None, number: RoutedNumber) -> tuple[Limit, ...]:
        """Every limit of a call over SIP; mostly there is none, and nobody need be asked."""
        limits = []
        if number.max_calls is not None:
            limits.append(Limit(Counted.NUMBER, number.id, number.max_calls))
        if trunk is not None and trunk.max_calls is not None:
            limits.append(Limit(Counted.TRUNK, trunk.id, trunk.max_calls))
        return (*limits, *self.of_any(organization_id))

    def of_any(self, organization_id: str) -> tuple[Limit, ...]:
        """What every call counts against, whichever way it comes."""
        limits = []
        if self.per_organization:
            limits.append(Limit(Counted.ORGANIZATION, organization_id, self.per_organization))
        if self.in_cluster:
            limits.append(Limit(Counted.CLUSTER, "", self.in_cluster))
        return tuple(limits)
