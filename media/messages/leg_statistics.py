"""The figures of one leg."""

from __future__ import annotations

import msgspec


class LegStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Counters of one leg. `rx` is what the far party sent."""

    codec: str | None = None
    remote_address: str | None = None
    packets_received: int = 0
    bytes_received: int = 0
    packets_sent: int = 0
    bytes_sent: int = 0
    packets_lost: int = 0
    packets_late: int = 0
    packets_duplicate: int = 0
    packets_out_of_order: int = 0
    packets_ignored: int = 0  # strangers, wrong payload type, malformed
    srtp: str | None = None  # the crypto suite; None while nothing is encrypted
    packets_undecryptable: int = 0  # of another key, or of none
    packets_replayed: int = 0
    frames_concealed: int = 0
    jitter_ms: float = 0.0
    round_trip_ms: float | None = None
    remote_loss_fraction: float | None = None
    # How the far party hears us, as it tells in extended reports.
    remote_jitter_ms: float | None = None
    remote_mos: float | None = None
    remote_r_factor: int | None = None
    remote_discard_fraction: float | None = None
    remote_jitter_buffer_ms: int | None = None
    engine_frames_sent: int = 0
    engine_bytes_received: int = 0
    playout_dropped_ms: int = 0
    playout_underruns: int = 0
    barge_ins: int = 0
    # What the caller's sound is like (media.quality); shares are 0 to 1.
    loss_gaps: int = 0  # runs of lost packets
    jitter_max_ms: float = 0.0
    jitter_buffer_ms: float = 0.0
    jitter_buffer_max_ms: float = 0.0
    r_factor: float | None = None
    mos: float | None = None  # of the last five seconds
    mos_min: float | None = None
    mos_average: float | None = None
    silence_share: float | None = None
    clipping_share: float | None = None
    # How loud either side is at this moment, in dB below overload; None for silence.
    contact_level_dbov: float | None = None
    agent_level_dbov: float | None = None
    # The windows of the call so far: seconds since the leg began, MOS, jitter in ms, share of packets of no
    # use, jitter buffer in ms.
    history: list[tuple[float, float, float, float, float]] = []
    # What the conversation is like.
    first_audio_ms: int | None = None  # from the answer to the agent's first audible packet
    turns: int = 0
    turn_latency_p50_ms: int | None = None
    turn_latency_p95_ms: int | None = None
    barge_in_p50_ms: int | None = None
    barge_in_p95_ms: int | None = None
    # What is wrong, if anything is: a name and a line of words.
    diagnosis: str | None = None
    diagnosis_text: str | None = None
