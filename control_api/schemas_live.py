"""A live snapshot on the wire."""

from __future__ import annotations

from typing import Any

from control_api.schemas_trunk_status import render_probe_status, render_registration_status
from gateway.live_board import LiveCall, Snapshot
from gateway.timestamps import optional_timestamp, timestamp
from store.records import CallDirection


def render_snapshot(snapshot: Snapshot) -> dict[str, Any]:
    """The data of a `live` event."""
    return {
        "at": timestamp(snapshot.at),
        "calls": [_render_call(call) for call in snapshot.calls],
        "call_count": snapshot.call_count,
        "capacity": {
            direction.value: {"busy": snapshot.busy[direction], "limit": snapshot.limits.get(direction)}
            for direction in CallDirection
        },
        "calls_last_minute": snapshot.begun,
        "failures_last_hour": snapshot.failures,
        "trunks": [
            {
                "id": each.trunk.id,
                "name": each.trunk.name,
                "registration": render_registration_status(each.status.registration),
                "probe": render_probe_status(each.status.probe),
            }
            for each in snapshot.trunks
        ],
    }


def _render_call(call: LiveCall) -> dict[str, Any]:
    record, figures = call.record, call.figures
    return {
        "id": record.id,
        "status": record.status.value,
        "direction": record.direction.value,
        "agent_id": record.agent_id,
        "phone_number": record.phone_number,
        "from_number": record.from_number,
        "created_at": timestamp(record.created_at),
        "started_at": optional_timestamp(record.started_at),
        "sound": None
        if figures is None
        else {
            "mos": figures.mos,
            "contact_level_dbov": figures.contact_level_dbov,
            "agent_level_dbov": figures.agent_level_dbov,
            "diagnosis": figures.diagnosis_text,
        },
    }
