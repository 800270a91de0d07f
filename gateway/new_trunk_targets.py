"""What the targets of a new trunk must fulfil. Each failure names the field."""

from __future__ import annotations

from gateway.errors import InvalidRequestError
from store.records import TrunkOutbound

MOST_TARGETS = 10
# Answers that say something about the number or the person: another target would only ring them again.
NEVER_FAILED_OVER = frozenset((401, 403, 404, 407, 410, 484, 486, 487, 600, 603, 604, 607, 608))
TIMEOUT_S = (1.0, 32.0)
PUT_ASIDE_S = (0, 3_600)
HIGHEST = 65_535


def check_targets(outbound: TrunkOutbound) -> None:
    """Targets, and when the next one is tried. Raises `InvalidRequestError`."""
    if len(outbound.targets) > MOST_TARGETS:
        raise InvalidRequestError(f"A trunk has {MOST_TARGETS} targets at most.", field="outbound.targets")
    if outbound.targets and not any(one.enabled for one in outbound.targets):
        raise InvalidRequestError("One target at least has to be enabled.", field="outbound.targets")
    for index, target in enumerate(outbound.targets):
        for name in ("priority", "weight"):
            if not 0 <= getattr(target, name) <= HIGHEST:
                raise InvalidRequestError(
                    f"A {name} goes from 0 to {HIGHEST}.", field=f"outbound.targets.{index}.{name}"
                )
    failover = outbound.failover
    for index, code in enumerate(failover.codes):
        if not 400 <= code < 700 or code in NEVER_FAILED_OVER:
            raise InvalidRequestError(
                f"{code} is not a reason to try the next target.", field=f"outbound.failover.codes.{index}"
            )
    low, high = TIMEOUT_S
    if not low <= failover.timeout <= high:
        raise InvalidRequestError(
            f"The next target is tried after {low:g} to {high:g} seconds.", field="outbound.failover.timeout"
        )
    if not PUT_ASIDE_S[0] <= failover.put_aside <= PUT_ASIDE_S[1]:
        raise InvalidRequestError(
            f"A target is put aside for {PUT_ASIDE_S[1]} seconds at most.",
            field="outbound.failover.put_aside",
        )
