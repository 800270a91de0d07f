from __future__ import annotations

from datetime import UTC, datetime

from gateway.batch.schedule import Schedule
from gateway.batch.settings import (
    CampaignSettings,
    Retries,
    RetryOutcome,
    Rotation,
    settings_as_json,
    settings_from_json,
)
from gateway.new_call import CallSettings
from store.columns import from_json, to_json


def test_settings_come_back_from_the_store_as_they_were() -> None:
    full = CampaignSettings(
        from_numbers=("+14155550100",),
        number_rotation=Rotation.RANDOM,
        calls_per_number=2,
        schedule=Schedule(
            "Europe/Berlin", frozenset({1, 7}), 60, 1440, datetime(2026, 1, 2, 3, tzinfo=UTC), None, 9
        ),
        max_concurrent_calls=3,
        calls_per_minute=4,
        retries=Retries(2, 5_000, frozenset({RetryOutcome.BUSY})),
        variables={"a": "b"},
        call_settings=CallSettings(recording_enabled=False, join_timeout_ms=1_000),
    )
    for settings in (full, CampaignSettings()):
        assert settings_from_json(from_json(to_json(settings_as_json(settings)))) == settings
