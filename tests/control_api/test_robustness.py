"""Whatever is sent, the answer is a documented one: never a 500, never another shape."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store import Store
from tests.control_api.api import NOWHERE, VOICE_ID, World

PATHS = (
    "calls",
    f"calls/{NOWHERE}/hangup",
    f"calls/{NOWHERE}/cancel",
    "agents",
    "batch-calls",
    f"batch-calls/{NOWHERE}/start",
    "contacts",
    "contacts/import",
    "folders",
    "telephony/numbers/import",
    "telephony/numbers/assign",
    "telephony/numbers/unassign",
    "trunks",
)

FIELDS = st.sampled_from(
    [
        *("agent_id", "phone_number", "from_number", "variables", "metadata", "call_settings"),
        *("name", "voice_id", "system_prompt", "temperature", "tools", "greeting_settings", "vad_settings"),
        *("inactivity_messages", "extraction_schema", "crm_webhook_url", "built_in_config", "delay"),
        *("inbound", "outbound", "allowed_addresses", "address", "codecs", "number_format", "duration"),
        *("folder_id", "first_name", "email", "keywords", "csv", "default_country", "on_duplicate"),
        *(
            "contacts",
            "contact_ids",
            "schedule",
            "retries",
            "timezone",
            "working_days",
            "start_time",
            "delay",
        ),
        *("number_id", "assignment_type", "trunk_id", "sip_server", "max_duration", "join_timeout"),
    ]
)

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(), max_size=20),
    st.sampled_from([NOWHERE, VOICE_ID, "+14155551234", "30s", "PCMU", "192.0.2.1", "inbound", "e164"]),
)

VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(FIELDS | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=12,
)

BODIES = st.dictionaries(FIELDS, VALUES, max_size=10)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_no_body_crashes_the_api(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    with asyncio.Runner() as runner:
        url = f"sqlite:///{tmp_path / 'trunkline.db'}"
        if database == "postgresql":
            url = runner.run(request.getfixturevalue("postgres").new_database())
        store = runner.run(Store.open(url))
        world = runner.run(World.make(store))

        @settings(max_examples=150, deadline=None, database=None)
        @given(path=st.sampled_from(PATHS), body=BODIES)
        def post(path: str, body: dict[str, Any]) -> None:
            content = json.dumps(body).encode()
            response = runner.run(
                world.api.post(path, content=content, headers={"Content-Type": "application/json"})
            )
            assert response.status_code < 500, (path, body, response.text)

        @settings(max_examples=60, deadline=None, database=None)
        @given(path=st.sampled_from(PATHS), content=st.binary(max_size=60))
        def post_bytes(path: str, content: bytes) -> None:
            response = runner.run(
                world.api.post(path, content=content, headers={"Content-Type": "application/json"})
            )
            assert response.status_code < 500, (path, content, response.text)

        @settings(max_examples=100, deadline=None, database=None)
        @given(
            path=st.sampled_from(
                ["calls", "agents", "contacts", "folders", "telephony/numbers", "trunks", "routing/explain"]
            ),
            query=st.dictionaries(
                st.sampled_from(
                    [
                        *("limit", "offset", "status", "direction", "agent_id", "phone_number"),
                        *("created_after", "name", "to", "from", "source", "search", "folder_id"),
                    ]
                ),
                st.text(st.characters(), max_size=12)
                | st.sampled_from(
                    ["1", "100", "active", "ended", "inbound", "0001-01-01", "9999-12-31T23:59:59Z"]
                ),
                max_size=4,
            ),
        )
        def get(path: str, query: dict[str, str]) -> None:
            params = {key: value.encode("utf-8", "replace").decode() for key, value in query.items()}
            response = runner.run(world.api.get(path, params=params))
            assert response.status_code < 500, (path, query, response.text)

        try:
            post()
            post_bytes()
            get()
        finally:
            runner.run(store.close())
