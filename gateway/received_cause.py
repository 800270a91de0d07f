"""The Q.850 cause that the far side gives, on the call object."""

from __future__ import annotations

from gateway.call import Call
from sip.message import Request, Response
from sip.q850 import q850_cause


def note_cause(call: Call, message: Request | Response | None) -> int | None:
    """Keep the cause in a final answer, a CANCEL or a BYE, if it gives one."""
    cause = None if message is None else q850_cause(message)
    if cause is not None:
        call.update(sip_details={**(call.record.sip_details or {}), "q850_cause": cause})
    return cause
