"""A decision for people: as lines of text for the command line and the log, as plain values for the API."""

from __future__ import annotations

from typing import Any

from routing.decisions import Refusal, Step
from routing.inbound import InboundDecision, InboundRoute
from routing.outbound import OutboundDecision, OutboundRoute


def explain_text(decision: InboundDecision | OutboundDecision) -> str:
    """Several lines: every check in order, then the outcome."""
    lines = [_step_line(step) for step in decision.steps]
    if isinstance(decision, Refusal):
        lines.append(f"refused: {decision.kind} -> SIP {decision.sip_status} {decision.sip_reason}")
        lines.append(f"  {decision.message}")
        lines.append(f"  looked up: {decision.looked_up}")
        lines.append(f"  to fix it: {decision.fix}")
    elif isinstance(decision, InboundRoute):
        agent = decision.agent
        agent = decision.agent
        lines.append(f"routed: {decision.number.phone_number} -> agent {agent.name!r} ({agent.id})")
    else:
        lines.append(
            f"routed: {decision.from_user} calls {decision.to_user} on trunk {decision.trunk.name!r}"
            f" ({decision.target.shown})"
        )
    return "\n".join(lines)


def explain_data(decision: InboundDecision | OutboundDecision) -> dict[str, Any]:
    """JSON-able values without secrets: `routed`, `steps`, and either the parts of the route or `refusal`."""
    data: dict[str, Any] = {
        "routed": not isinstance(decision, Refusal),
        "steps": [
            {"rule": step.rule, "looked_up": step.looked_up, "found": step.found, "passed": step.passed}
            for step in decision.steps
        ],
    }
    if isinstance(decision, Refusal):
        data["refusal"] = {
            "kind": decision.kind.value,
            "code": decision.code,
            "message": decision.message,
            "looked_up": decision.looked_up,
            "fix": decision.fix,
            "sip_status": decision.sip_status,
            "sip_reason": decision.sip_reason,
        }
    elif isinstance(decision, InboundRoute):
        trunk = decision.trunk
        data |= {
            "organization_id": decision.organization_id,
            "trunk": None if trunk is None else {"id": trunk.id, "name": trunk.name},
            "number": {"id": decision.number.id, "phone_number": decision.number.phone_number},
            "agent": {"id": decision.agent.id, "name": decision.agent.name},
            "called": {"raw": decision.called.raw, "e164": decision.called.e164},
            "caller": {
                "raw": decision.caller.raw,
                "e164": decision.caller.e164,
                "anonymous": decision.anonymous,
            },
        }
    else:
        data |= _outbound_data(decision)
    return data


def explain_log(decision: InboundDecision | OutboundDecision) -> dict[str, Any]:
    """The fields of one log line: what was decided and, for a refusal, why."""
    if isinstance(decision, Refusal):
        return {
            "refusal": decision.kind.value,
            "reason": decision.message,
            "looked_up": decision.looked_up,
            "fix": decision.fix,
            "sip_status": decision.sip_status,
            "steps": [_step_line(step) for step in decision.steps],
        }
    return {
        "trunk_id": None if decision.trunk is None else decision.trunk.id,
        "number": decision.number.phone_number,
        "agent_id": decision.agent.id,
    }


def _outbound_data(route: OutboundRoute) -> dict[str, Any]:
    return {
        "organization_id": route.organization_id,
        "trunk": {"id": route.trunk.id, "name": route.trunk.name},
        "number": {"id": route.number.id, "phone_number": route.number.phone_number},
        "agent": {"id": route.agent.id, "name": route.agent.name},
        "target": {"address": route.target.address, "transport": route.target.transport},
        "to": route.to,
        "to_user": route.to_user,
        "from_user": route.from_user,
    }


def _step_line(step: Step) -> str:
    mark = "ok" if step.passed else "no"
    return f"{mark}  {step.rule}: {step.looked_up} -> {step.found}"
