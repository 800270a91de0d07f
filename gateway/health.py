"""Whether the gateway is fit to take calls, and if not, why."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Health:
    """`ready` is what a load balancer asks; `checks` names each part with `ok` or the reason it is not."""

    ready: bool
    draining: bool
    checks: dict[str, str] = field(default_factory=dict)
