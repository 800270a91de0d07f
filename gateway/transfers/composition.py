"""What transfers need, put together from the configuration and the parts of a gateway."""

from __future__ import annotations

from gateway.cluster.call_limits import CallLimits
from gateway.cluster.leases import Leases
from gateway.config import Config
from gateway.directory import Directory
from gateway.metrics import GatewayMetrics
from gateway.outbound_policy import OutboundPolicies
from gateway.signalling.traces import CallTraces
from gateway.transfers.plan import TransferMethod
from gateway.transfers.route import TransferRouter
from gateway.transfers.services import TransferServices
from gateway.transfers.target_leg import TargetLegServices
from gateway.trunk_dialling import TrunkDialling
from gateway.trunk_pace import Pace, at_once
from media.plane import MediaPlane


def open_transfers(
    config: Config,
    directory: Directory,
    policies: OutboundPolicies,
    dialling: TrunkDialling,
    plane: MediaPlane,
    limits: CallLimits,
    leases: Leases,
    metrics: GatewayMetrics,
    traces: CallTraces,
    pace: Pace = at_once,
) -> TransferServices:
    """The services of every call's transfers."""
    return TransferServices(
        router=TransferRouter(
            table=lambda: directory.table,
            trunk=directory.trunk,
            may_refer=policies.may_transfer,
            may_call=policies.may_call,
            limits=limits,
        ),
        plane=plane,
        leases=leases,
        leg=TargetLegServices(
            plane=plane,
            dialling=dialling,
            metrics=metrics,
            leases=leases,
            traces=traces,
            first_packet_timeout_s=config.media.first_packet_timeout,
            silence_timeout_s=config.media.silence_timeout,
            pace=pace,
        ),
        method=TransferMethod(config.calls.transfer_method),
        refer_timeout_s=config.calls.transfer_timeout,
        ring_timeout_s=config.calls.transfer_ring_timeout,
        consult_timeout_s=config.calls.transfer_consult_timeout,
        hold_music=config.control.hold_music,
    )
