"""Which calls another gateway could go on with, and what it needs to know of one."""

from __future__ import annotations

from gateway.adoption.snapshot import MAXIMUM_ENGINE_CALLS, CallSnapshot
from gateway.call import Call
from gateway.conversation import Conversation
from sip.call_listener import CallState
from sip.dialog_snapshot import dialog_snapshot
from sip.offer_answer import AudioSession
from sip.user_agent import Call as SipCall
from store.records import CallDirection, CallStatus, RecordingStatus


def session_snapshot(
    call: Call,
    sip: SipCall | None,
    audio: AudioSession | None,
    conversation: Conversation,
    *,
    earlier_engine_calls: tuple[str, ...],
    max_duration_s: float,
) -> CallSnapshot | None:
    """None for calls that are not established, for browsers' and for those that only the connection at hand
    reaches.
    """
    record = call.record
    if sip is None or audio is None or sip.state is not CallState.ESTABLISHED:
        return None
    if call.status is not CallStatus.IN_PROGRESS or record.direction is CallDirection.WEBRTC:
        return None
    dialog, agreed = dialog_snapshot(sip), audio.snapshot()
    if dialog is None or agreed is None or record.engine_call_id is None:
        return None
    engine_calls = (*earlier_engine_calls, record.engine_call_id)
    return CallSnapshot(
        dialog=dialog,
        audio=agreed,
        engine_calls=engine_calls[-MAXIMUM_ENGINE_CALLS:],
        sample_rate=conversation.sample_rate,
        max_duration_s=max_duration_s,
        agent_id=record.agent_id or "",
        dtmf=str(conversation.dtmf),
        held=conversation.actions.held,
        recorded=record.recording_status is RecordingStatus.RECORDING,
    )
