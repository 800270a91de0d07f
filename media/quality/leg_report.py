"""A leg's statistics: counters of the wire, figures of the ear, and what is wrong, put together."""

from __future__ import annotations

import math
from typing import Any

from media.engine_link import EngineLink
from media.latching import Source
from media.messages import LegStatistics
from media.playout import Playout
from media.quality.call_quality import StreamCounters
from media.quality.diagnosis import Diagnosis, Symptoms, diagnose
from media.quality.leg_monitor import LegMonitor
from media.quality.turn_latency import percentile
from media.rtcp_xr import VoipMetrics
from media.rtp_session import RtpSession


def spell(source: Source) -> str:
    """A socket's address as host:port."""
    host, port = source[0], source[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def leg_statistics(
    rtp: RtpSession, engine: EngineLink, playout: Playout, monitor: LegMonitor
) -> LegStatistics:
    """Everything that is known about a leg now."""
    received, inbound, settled = rtp.receiver.received, rtp.receiver.inbound, rtp.negotiated
    source, buffer, stream = rtp.latch.source, inbound.buffer, rtp.sender.stream
    quality, turns = monitor.quality, monitor.turns
    counters = monitor.counters()
    if counters is not None:
        quality.settle(counters, monitor.impairment())
    found = _diagnosis(rtp, playout, monitor, counters)
    first_agent, answered = turns.first_agent_at, monitor.answered_at
    return LegStatistics(
        codec=settled.codec if settled is not None else None,
        remote_address=spell(source) if source is not None else None,
        packets_received=received.packets,
        bytes_received=received.octets,
        packets_sent=stream.packets,
        bytes_sent=stream.octets,
        packets_lost=received.lost,
        packets_late=buffer.late + buffer.overflowed,
        packets_duplicate=buffer.duplicate,
        packets_out_of_order=buffer.out_of_order,
        packets_ignored=rtp.ignored,
        srtp=rtp.security.suite,
        packets_undecryptable=rtp.security.undecryptable,
        packets_replayed=rtp.security.replayed,
        frames_concealed=inbound.frames_concealed,
        jitter_ms=round(received.jitter_ms, 3),
        round_trip_ms=rtp.rtcp.round_trip_ms,
        remote_loss_fraction=rtp.rtcp.remote_loss_fraction,
        **_remote_view(rtp),
        engine_frames_sent=engine.frames_sent,
        engine_bytes_received=playout.received_bytes,
        playout_dropped_ms=playout.dropped_ms,
        playout_underruns=playout.underruns,
        barge_ins=engine.barge_ins,
        loss_gaps=received.gaps,
        jitter_max_ms=round(quality.jitter_max_ms, 3),
        jitter_buffer_ms=round(counters.buffer_ms, 1) if counters is not None else 0.0,
        jitter_buffer_max_ms=round(quality.buffer_max_ms, 1),
        r_factor=_rounded(quality.r_now, 1),
        mos=_rounded(quality.mos_now, 2),
        mos_min=_rounded(quality.mos_min, 2),
        mos_average=_rounded(quality.mos_average, 2),
        contact_level_dbov=_dbov(turns.caller_level),
        agent_level_dbov=_dbov(turns.agent_level),
        history=[
            (
                round(point.t, 1),
                round(point.mos, 2),
                round(point.jitter_ms, 1),
                round(point.loss, 4),
                round(point.buffer_ms, 1),
            )
            for point in quality.history
        ],
        silence_share=_share(turns.frames_silent, turns.frames_judged),
        clipping_share=_share(turns.frames_clipped, turns.frames_judged),
        first_audio_ms=(
            round((first_agent - answered) * 1000)
            if first_agent is not None and answered is not None
            else None
        ),
        turns=turns.turns,
        turn_latency_p50_ms=percentile(turns.turns_ms, 0.5),
        turn_latency_p95_ms=percentile(turns.turns_ms, 0.95),
        barge_in_p50_ms=percentile(turns.barge_ins_ms, 0.5),
        barge_in_p95_ms=percentile(turns.barge_ins_ms, 0.95),
        diagnosis=found.code if found is not None else None,
        diagnosis_text=found.text if found is not None else None,
    )


def _dbov(rms: float) -> float | None:
    """A level of 16-bit samples in dB below overload; None for silence."""
    return round(20 * math.log10(rms / 32_768), 1) if rms >= 1 else None


def voip_metrics(rtp: RtpSession, monitor: LegMonitor, jitter_max_ms: int) -> VoipMetrics | None:
    """How we hear the far party (RFC 3611, section 4.7); None while it is not heard."""
    counters, quality = monitor.counters(), monitor.quality
    if counters is None or not counters.packets:
        return None
    expected = counters.packets + counters.lost
    score = quality.mos_now
    return VoipMetrics(
        ssrc=rtp.receiver.received.ssrc,
        loss=counters.lost / expected,
        discard=counters.discarded / expected,
        round_trip_ms=round(counters.round_trip_ms or 0),
        end_system_delay_ms=round(counters.buffer_ms),
        r_factor=None if quality.r_now is None else round(quality.r_now),
        mos_listening=score,
        mos_conversational=score,
        buffer_nominal_ms=round(counters.buffer_ms),
        buffer_maximum_ms=round(quality.buffer_max_ms),
        buffer_bound_ms=jitter_max_ms,
    )


def _remote_view(rtp: RtpSession) -> dict[str, Any]:
    settled, reports = rtp.negotiated, rtp.rtcp
    view: dict[str, Any] = {}
    if settled is not None and reports.remote_loss_fraction is not None:
        view["remote_jitter_ms"] = round(reports.remote_jitter * 1000 / settled.clock_rate, 3)
    if reports.remote_metrics is not None:
        metrics = reports.remote_metrics
        view["remote_mos"] = metrics.mos_conversational or metrics.mos_listening
        view["remote_r_factor"] = metrics.r_factor
        view["remote_discard_fraction"] = round(metrics.discard, 4)
        view["remote_jitter_buffer_ms"] = metrics.buffer_nominal_ms
    return view


def _diagnosis(
    rtp: RtpSession, playout: Playout, monitor: LegMonitor, counters: StreamCounters | None
) -> Diagnosis | None:
    if monitor.answered_at is None:
        return None
    now, turns, latch = monitor.now, monitor.turns, rtp.latch
    return diagnose(
        Symptoms(
            answered_s=now - monitor.answered_at,
            packets_received=counters.packets if counters is not None else 0,
            packets_sent=rtp.sender.stream.packets,
            packets_lost=counters.lost if counters is not None else 0,
            packets_discarded=counters.discarded if counters is not None else 0,
            strangers=latch.strangers,
            stranger=spell(latch.last_stranger) if latch.last_stranger is not None else None,
            wrong_payload_type=rtp.receiver.wrong_payload_type,
            last_wrong_payload_type=rtp.receiver.last_wrong_payload_type,
            malformed=rtp.receiver.malformed,
            undecryptable=rtp.security.undecryptable,
            unreachable=rtp.send_errors,
            source=spell(latch.source) if latch.source is not None else None,
            last_packet_age_s=now - rtp.last_packet_at if rtp.last_packet_at is not None else None,
            jitter_ms=counters.jitter_ms if counters is not None else 0.0,
            round_trip_ms=rtp.rtcp.round_trip_ms,
            remote_loss=rtp.rtcp.remote_loss_fraction,
            silent_share=_share(turns.frames_silent, turns.frames_judged),
            clipping_share=_share(turns.frames_clipped, turns.frames_judged) or 0.0,
            mos=monitor.quality.mos_min,
            engine_open_s=now - monitor.engine_open_at if monitor.engine_open_at is not None else None,
            engine_bytes=playout.received_bytes,
            owed_s=now - turns.owed_since if turns.owed_since is not None else None,
        ),
        rtp.negotiated,
    )


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
