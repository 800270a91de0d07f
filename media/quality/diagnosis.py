"""What is wrong with a call, in one line of words: from a leg's figures and what was negotiated.

Pure: no clock, no I/O. The first rule that holds wins, so they stand in the order of their weight; a call
without a fault has no diagnosis.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from media.messages import Direction, NegotiateLeg

# Nothing is called missing before this long after the answer.
PATIENCE_S = 2.0
# A call is one-way when this long after the answer one side was silent all the time.
ONE_WAY_S = 10.0
# Silent, but for a share of frames that noise may make look like speech.
SILENT_SHARE = 0.995
HIGH_LOSS = 0.05
HIGH_DISCARD = 0.03
HIGH_JITTER_MS = 40.0
HIGH_ROUND_TRIP_MS = 400.0
HIGH_CLIPPING = 0.02
# Fewer packets than this prove nothing about shares.
MIN_PACKETS = 100
LOW_MOS = 3.6
# Addresses that mean something only within one network: RFC 1918, 6598, 3927, 4193, 4291.
PRIVATE = tuple(
    ipaddress.ip_network(network)
    for network in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "fc00::/7",
        "fe80::/10",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptoms:
    """One leg as it stands. Shares are 0 to 1, `answered_s` is the time since the answer."""

    answered_s: float
    packets_received: int
    packets_sent: int
    packets_lost: int
    packets_discarded: int
    strangers: int
    stranger: str | None  # the last stranger's host:port
    wrong_payload_type: int
    last_wrong_payload_type: int | None
    malformed: int
    undecryptable: int  # packets of another key than agreed, or of none
    unreachable: int  # packets of ours that the peer's host refused
    source: str | None  # where the far party's packets really come from
    last_packet_age_s: float | None
    jitter_ms: float
    round_trip_ms: float | None
    remote_loss: float | None
    silent_share: float | None
    clipping_share: float
    mos: float | None
    engine_open_s: float | None  # how long the engine's socket has stood; None when it does not
    engine_bytes: int
    owed_s: float | None  # how long the caller has been waiting for the agent


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A name for machines and a line for people."""

    code: str
    text: str


def diagnose(leg: Symptoms, settled: NegotiateLeg | None) -> Diagnosis | None:
    """The most important thing that is wrong, if anything is."""
    if settled is None or leg.answered_s < PATIENCE_S:
        return None
    if settled.direction in (Direction.SENDRECV, Direction.RECVONLY):
        found = _nothing_received(leg, settled) or _engine(leg) or _sound(leg, settled)
    else:
        found = _engine(leg)
    return found or _network(leg)


def _nothing_received(leg: Symptoms, settled: NegotiateLeg) -> Diagnosis | None:
    named = _spell(settled.remote_host, settled.remote_port)
    if leg.packets_received == 0:
        if leg.undecryptable:
            return Diagnosis(
                "undecryptable-packets",
                f"{leg.undecryptable} packets have come, but none can be decrypted: the far party uses "
                "another key than it has told, or sends in the clear",
            )
        if leg.wrong_payload_type:
            return Diagnosis(
                "wrong-payload-type",
                f"the far party sends payload type {leg.last_wrong_payload_type}, but "
                f"{settled.payload_type} ({settled.codec}) was negotiated",
            )
        if leg.strangers:
            return Diagnosis(
                "stranger-packets",
                f"no packet from {named} since answer, but {leg.strangers} from {leg.stranger}, which was "
                "not accepted",
            )
        if leg.malformed:
            return Diagnosis(
                "malformed-packets", f"what comes from {named} is not RTP ({leg.malformed} packets)"
            )
        return Diagnosis("no-packets", f"no packet from {settled.remote_host} since answer{_why(settled)}")
    if leg.last_packet_age_s is not None and leg.last_packet_age_s > ONE_WAY_S / 2:
        return Diagnosis(
            "packets-stopped",
            f"no packet from {leg.source} for {leg.last_packet_age_s:.0f} s: the far party or its network "
            "has gone",
        )
    return None


def _why(settled: NegotiateLeg) -> str:
    try:
        address = ipaddress.ip_address(settled.remote_host)
    except ValueError:
        return ""
    if address.is_unspecified:
        return ": the SDP named no address (0.0.0.0, hold)"
    if address.is_loopback:
        return ": the SDP named a loopback address"
    if any(address in network for network in PRIVATE if network.version == address.version):
        return ": the SDP named a private address"
    return ": nothing was sent, or a firewall keeps it from us"


def _engine(leg: Symptoms) -> Diagnosis | None:
    if leg.engine_open_s is None:
        return None
    if leg.engine_bytes == 0 and leg.engine_open_s > ONE_WAY_S and leg.answered_s > ONE_WAY_S:
        return Diagnosis(
            "engine-silent", f"the engine has sent no audio in {leg.engine_open_s:.0f} s: the agent is silent"
        )
    if leg.owed_s is not None and leg.owed_s > ONE_WAY_S:
        return Diagnosis("engine-slow", f"the agent owes the caller an answer for {leg.owed_s:.0f} s")
    return None


def _sound(leg: Symptoms, settled: NegotiateLeg) -> Diagnosis | None:
    if leg.unreachable and leg.packets_sent <= leg.unreachable * 2:
        target = leg.source or _spell(settled.remote_host, settled.remote_port)
        return Diagnosis("port-closed", f"{target} refuses our packets: the far party cannot hear the agent")
    if leg.remote_loss is not None and leg.remote_loss >= 0.99:
        return Diagnosis(
            "one-way-out", "the far party reports that none of our packets arrive: it cannot hear the agent"
        )
    if leg.packets_received < MIN_PACKETS:
        return None
    if leg.undecryptable > leg.packets_received:
        return Diagnosis("undecryptable-packets", f"{leg.undecryptable} packets could not be decrypted")
    if leg.wrong_payload_type > leg.packets_received:
        return Diagnosis(
            "wrong-payload-type",
            f"most packets carry payload type {leg.last_wrong_payload_type}, but {settled.payload_type} "
            f"({settled.codec}) was negotiated",
        )
    if leg.answered_s > ONE_WAY_S and leg.silent_share is not None and leg.silent_share >= SILENT_SHARE:
        return Diagnosis(
            "one-way-in",
            f"packets come from {leg.source}, but all of them are silence: the caller is not heard",
        )
    return None


def _network(leg: Symptoms) -> Diagnosis | None:
    expected = leg.packets_received + leg.packets_lost
    if expected >= MIN_PACKETS:
        loss = leg.packets_lost / expected
        if loss >= HIGH_LOSS:
            return Diagnosis("high-loss", f"{loss:.1%} of the packets from {leg.source} were lost")
        discarded = leg.packets_discarded / expected
        if leg.jitter_ms >= HIGH_JITTER_MS or discarded >= HIGH_DISCARD:
            return Diagnosis(
                "high-jitter",
                f"packets from {leg.source} come unevenly (jitter {leg.jitter_ms:.0f} ms), {discarded:.1%} "
                "too late to be played",
            )
    if leg.remote_loss is not None and leg.remote_loss >= HIGH_LOSS:
        return Diagnosis(
            "high-loss-out", f"the far party reports that {leg.remote_loss:.1%} of ours are lost"
        )
    if leg.round_trip_ms is not None and leg.round_trip_ms >= HIGH_ROUND_TRIP_MS:
        return Diagnosis("high-delay", f"a packet takes {leg.round_trip_ms:.0f} ms there and back")
    if leg.clipping_share >= HIGH_CLIPPING:
        return Diagnosis(
            "clipping", f"the far party's sound is too loud: {leg.clipping_share:.1%} is clipped"
        )
    if leg.mos is not None and leg.mos < LOW_MOS:
        return Diagnosis("low-quality", f"bad stretches: the mean opinion score fell to {leg.mos:.1f}")
    if leg.strangers > MIN_PACKETS:
        return Diagnosis(
            "stranger-packets", f"{leg.strangers} packets from {leg.stranger}, which is no party of this call"
        )
    return None


def _spell(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
