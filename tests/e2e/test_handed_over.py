"""A person at a softphone (PJSUA2) has the agent on the line and connects it with a colleague: by a REFER to
the agent, which then calls the colleague, and by one to the colleague, whose INVITE with Replaces takes the
call.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.api_client import ApiClient
from tests.e2e.engine_view import EngineView
from tests.e2e.parties import Parties
from tests.e2e.softphones import AGENT_HZ, PHONE_HZ, pjsua2
from tests.support.audio import silence, tone, write_wav

COLLEAGUE_HZ = 480


@pytest.fixture
def referring(api: ApiClient) -> Iterator[None]:
    """The trunks that take calls here may ask us to call others."""
    trunks = [trunk for trunk in api.get("/trunks") if trunk["inbound"]]
    for trunk in trunks:
        api.patch(f"/trunks/{trunk['id']}", {"dialog": {"allow_refer": True}})
    yield
    for trunk in trunks:
        api.patch(f"/trunks/{trunk['id']}", {"dialog": {}})


@pytest.mark.parametrize(("refer", "step"), [("callee", "referral-completed"), ("colleague", "replaced")])
def test_an_attended_transfer_brings_the_colleague_to_the_agent(
    parties: Parties,
    api: ApiClient,
    engine: EngineView,
    referring: None,
    tmp_path: Path,
    refer: str,
    step: str,
) -> None:
    number = parties.inbound_number(
        engine.script({"wait": "text"}, {"tone": AGENT_HZ, "ms": 2000}, {"wait": "text"})
    )
    mine, theirs = tmp_path / "mine.wav", tmp_path / "theirs.wav"
    write_wav(mine, np.concatenate((silence(300), tone(PHONE_HZ, 1000), silence(15_000))))
    # Silent while the two consult, and in the end, so that the agent has its turn.
    write_wav(theirs, np.concatenate((silence(1500), tone(COLLEAGUE_HZ, 2500), silence(15_000))))
    uri = f"sip:{number}@{parties.gateway.sip}"
    with pjsua2(
        "answer", theirs, tmp_path / "colleague.wav", "--user", "1002", "--seconds", "12"
    ) as colleague:
        address = colleague.wait_for("listening")
        options = ("--uri", uri, "--colleague", f"sip:1002@{address}", "--refer", refer)
        with pjsua2("transfer", mine, tmp_path / "heard.wav", *options) as phone:
            phone.wait_for("confirmed")
            call = api.wait_for_call(lambda call: call["from_number"] == number)
            assert phone.wait_for("transferred") == "200"
            phone.finish()
        assert step in [one["kind"] for one in api.timeline(call["id"])]
        assert api.call(call["id"])["status"] == "in-progress"
        time.sleep(3)
        api.post(f"/calls/{call['id']}/message", {"text": "speak"})
        colleague.finish()
    ended = api.wait_for_status(call["id"], "ended")
    assert ended["end_reason"] == "contact-hangup"
