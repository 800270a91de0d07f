"""What the operator may set about media; every default is explained here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaConfig:
    """Settings of one media plane. Durations are seconds where the name ends in `_s`, milliseconds in
    `_ms`.
    """

    bind_host: str = "127.0.0.1"
    # Below Linux's ephemeral range (32768-60999), so that outgoing connections do not take our ports.
    port_low: int = 20_000
    port_high: int = 29_999
    # Late packets of an ended call must never reach a new one.
    port_rest_s: float = 30.0
    # Calls are served in 20 ms / slot_ms groups, and packets are read once a slot. Measured at 200 calls: 1
    # ms takes some 15 % more CPU than 4 ms; 10 ms saves about 10 % for 5 ms more delay and coarser jitter.
    slot_ms: int = 4
    # Ports of the range that belong to somebody else: no pair that holds one is used.
    reserved_ports: tuple[int, ...] = ()
    # A stall longer than this is skipped instead of being sent as one burst.
    catch_up_ms: int = 200
    # How much of the caller's audio may wait for its turn before the oldest is dropped.
    jitter_max_ms: int = 200
    # How long the latched source must be silent before another may take its place, and the same just after
    # the far party was re-negotiated.
    latch_silence_s: float = 2.0
    relatch_silence_s: float = 0.3
    # How long after the answer the keys of an encrypted call may take to be agreed on the media path.
    handshake_timeout_s: float = 10.0
    rtcp_interval_s: float = 5.0
    # The caller's words before the engine is open.
    caller_ring_ms: int = 2_000
    # What all recordings together may have waiting for the disk: beyond it frames become silence.
    recording_queue_bytes: int = 16 * 1024 * 1024
    # See `media.line_sound`. Gains in dB; the level of the noise in dBov, none = digital silence.
    agent_gain_db: float = 0.0
    caller_gain_db: float = 0.0
    comfort_noise_dbov: int | None = None
    # Files longer than this are refused for playing.
    play_max_s: float = 600.0
