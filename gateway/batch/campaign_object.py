"""The campaign as the API shows it and as webhooks carry it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.batch.schedule import Schedule
from gateway.batch.settings import settings_from_json
from gateway.timestamps import optional_timestamp, timestamp
from store.batch_records import Campaign, CampaignContact, ContactState

Counts = Mapping[ContactState, int]


def statistics(counts: Counts, outcomes: Mapping[str, int]) -> dict[str, Any]:
    """How far a campaign is. `outcomes` counts attempts, the states count contacts."""
    states = {str(state): counts.get(state, 0) for state in ContactState}
    finished = sum(outcomes.values())
    return {
        "total": sum(states.values()),
        **states,
        "attempts": finished + states[ContactState.DIALING],
        "outcomes": dict(sorted(outcomes.items())),
    }


def render_campaign(campaign: Campaign, figures: Mapping[str, Any]) -> dict[str, Any]:
    """The campaign object; `figures` are its `statistics`."""
    settings = settings_from_json(campaign.settings)
    call_settings = settings.call_settings
    return {
        "id": campaign.id,
        "name": campaign.name,
        "status": campaign.status.value,
        "status_reason": campaign.status_reason,
        "agent_id": campaign.agent_id,
        "from_numbers": None if settings.from_numbers is None else list(settings.from_numbers),
        "number_rotation": settings.number_rotation.value,
        "calls_per_number": settings.calls_per_number,
        "schedule": render_schedule(settings.schedule),
        "max_concurrent_calls": settings.max_concurrent_calls,
        "calls_per_minute": settings.calls_per_minute,
        "retries": {
            "max_attempts": settings.retries.max_attempts,
            "delay": f"{settings.retries.delay_ms // 1000}s",
            "outcomes": sorted(settings.retries.outcomes),
        },
        "variables": settings.variables,
        "call_settings": {
            "recording_enabled": call_settings.recording_enabled,
            "transcription_enabled": call_settings.transcription_enabled,
            "greeting": call_settings.greeting,
            "max_duration": _seconds(call_settings.max_duration_ms),
            "join_timeout": _seconds(call_settings.join_timeout_ms),
            "detect_answering_machine": call_settings.detect_answering_machine,
            "voicemail_message": call_settings.voicemail_message,
        },
        "contact_count": campaign.contact_count,
        "statistics": dict(figures),
        "started_at": optional_timestamp(campaign.started_at),
        "ended_at": optional_timestamp(campaign.ended_at),
        "created_at": timestamp(campaign.created_at),
        "updated_at": timestamp(campaign.updated_at),
    }


def render_schedule(schedule: Schedule) -> dict[str, Any]:
    return {
        "timezone": schedule.timezone,
        "working_days": sorted(schedule.working_days),
        "start_time": clock_time(schedule.start),
        "end_time": clock_time(schedule.end),
        "max_calls_per_day": schedule.max_calls_per_day,
        "start_at": optional_timestamp(schedule.start_at),
        "end_at": optional_timestamp(schedule.end_at),
    }


def render_campaign_contact(contact: CampaignContact) -> dict[str, Any]:
    """One contact of a campaign."""
    return {
        "id": contact.id,
        "contact_id": contact.contact_id,
        "phone_number": contact.phone_number,
        "variables": contact.variables,
        "state": contact.state.value,
        "scheduled_at": optional_timestamp(contact.scheduled_at),
        "attempts": contact.attempts,
        "call_id": contact.call_id,
        "from_number": contact.from_number,
        "last_attempt_at": optional_timestamp(contact.last_attempt_at),
        "outcome": contact.outcome,
    }


def clock_time(minutes: int) -> str:
    """Minutes of the day as `HH:MM`; `24:00` is its end."""
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _seconds(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else f"{milliseconds / 1000:g}s"
