"""The store's records as routing sees them: routing knows nothing of the store."""

from __future__ import annotations

from routing.number_style import NumberStyle
from routing.numbers import NumberRule
from routing.table import OutboundTarget, RoutedAgent, RoutedNumber, RoutedTrunk
from store.records import Agent, PhoneNumber, SourceMatch, Trunk
from store.trunk_identity_records import RouteBy


def number_style(trunk: Trunk) -> NumberStyle:
    """How numbers are written on a trunk's wire."""
    return NumberStyle(
        NumberRule(trunk.number_format.value),
        trunk.default_country,
        trunk.number_writing.leading_plus.value,
        trunk.number_writing.tech_prefix or "",
    )


def routed_trunk(trunk: Trunk) -> RoutedTrunk:
    """What routing needs of a trunk."""
    target: OutboundTarget | None = None
    if trunk.outbound is not None:
        target = OutboundTarget(
            address=trunk.outbound.address,
            transport=trunk.outbound.transport.value,
            auth_username=trunk.outbound.auth_username,
            auth_password=trunk.outbound.auth_password,
            from_host=trunk.outbound.from_host,
            to_registered=trunk.outbound.to_registered is not None,
        )
    inbound = trunk.inbound
    return RoutedTrunk(
        id=trunk.id,
        organization_id=trunk.organization_id,
        name=trunk.name,
        enabled=trunk.enabled,
        allowed_addresses=() if inbound is None else inbound.allowed_addresses,
        digest_user=None if inbound is None or inbound.digest is None else inbound.digest.username,
        needs_both=inbound is None or inbound.match is SourceMatch.ALL,
        outbound=target,
        number_rule=NumberRule(trunk.number_format.value),
        default_country=trunk.default_country,
        codecs=trunk.codecs,
        dtmf=trunk.dtmf.value,
        media_encryption=trunk.media_encryption.value,
        symmetric=trunk.symmetric.value,
        srtp_keying=trunk.srtp_keying.value,
        max_calls=trunk.max_concurrent_calls,
        leading_plus=trunk.number_writing.leading_plus.value,
        tech_prefix=trunk.number_writing.tech_prefix or "",
        route_by=RouteBy.REQUEST_URI.value if inbound is None else inbound.route_by.value,
    )


def routed_number(number: PhoneNumber) -> RoutedNumber:
    """What routing needs of a number."""
    return RoutedNumber(
        id=number.id,
        organization_id=number.organization_id,
        phone_number=number.phone_number,
        trunk_id=number.trunk_id,
        inbound_agent_id=number.inbound_agent_id,
        outbound_agent_id=number.outbound_agent_id,
        max_calls=number.max_concurrent_calls,
    )


def routed_agent(agent: Agent) -> RoutedAgent:
    """What routing needs of an agent."""
    return RoutedAgent(agent.id, agent.organization_id, agent.name, agent.status.value)
