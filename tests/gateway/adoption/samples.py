"""A snapshot as tests need it."""

from __future__ import annotations

from gateway.adoption.snapshot import CallSnapshot
from sip.audio_snapshot import AudioSnapshot, SectionSnapshot
from sip.dialog_snapshot import DialogSnapshot


def call_snapshot(local_cseq: int = 1) -> CallSnapshot:
    dialog = DialogSnapshot(
        call_id="call-1@peer",
        local_tag="ours",
        remote_tag="theirs",
        local_address="<sip:+15550100@192.0.2.1>;tag=ours",
        remote_address="<sip:+15550199@192.0.2.10>;tag=theirs",
        remote_target="sip:caller@192.0.2.10:5070",
        route_set=(),
        local_cseq=local_cseq,
        remote_cseq=1,
        transport="udp",
        host="192.0.2.10",
        port=5070,
        accepted=False,
        user="+15550100",
        owns_call_id=False,
        peer_updates=True,
    )
    audio = AudioSnapshot(
        session_id=7,
        version=1,
        times=("0 0",),
        sections=(SectionSnapshot("audio", "RTP/AVP", ("0",)),),
        audio_index=0,
        group=(),
        codec="PCMU",
        clock_rate=8000,
        sample_rate=8000,
        payload_type=0,
        fmtp="",
        telephone_event=101,
        telephone_event_clock_rate=8000,
        ptime_ms=20,
        rtcp_mux=False,
        remote_host="192.0.2.10",
        remote_port=4000,
        remote_rtcp_port=4001,
    )
    return CallSnapshot(
        dialog=dialog,
        audio=audio,
        engine_calls=("engine-1",),
        sample_rate=8000,
        max_duration_s=3600.0,
        agent_id="agent-1",
        dtmf="auto",
    )
