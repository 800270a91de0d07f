"""Cold transfers over the API: what the API, the agent and a real softphone make of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from tests.e2e.api_client import ApiClient
from tests.e2e.baresip_phone import BaresipPhone
from tests.e2e.engine_view import EngineView, engine_call_ids
from tests.e2e.gateway_process import Gateway
from tests.e2e.live_caller import LiveCaller
from tests.e2e.parties import RECEPTIONIST, Parties


async def test_a_transfer_that_fails_brings_the_caller_back_and_one_that_succeeds_ends_the_call(
    gateway: Gateway, api: ApiClient, parties: Parties, engine: EngineView
) -> None:
    async with LiveCaller(gateway, RECEPTIONIST) as caller:
        caller.phone.answer_in_dialog = False

        async def begin(count: int) -> None:
            call = await caller.post("transfer", {"target": "+14155550188"})
            assert call["status"] == "in-progress"
            refer = await caller.call.until_request("REFER", count)
            assert refer["Refer-To"].startswith("<sip:+14155550188@")
            caller.call.respond(refer, 202, "Accepted")

        async def notify(line: str) -> None:
            headers = (("Event", "refer"), ("Subscription-State", "terminated;reason=noresource"))
            await caller.call.send(
                "NOTIFY", body=line.encode(), headers=headers, content_type="message/sipfrag"
            )

        await begin(1)
        refused = await caller.post("transfer", {"target": "+14155550188"}, status=409)
        assert refused["error"]["code"] == "transfer_running"
        await notify("SIP/2.0 486 Busy Here\r\n")
        assert (await caller.step("transfer-failed"))["sip_status"] == 486
        (engine_call,) = engine_call_ids(await caller.timeline())
        await _until(lambda: any("486 Busy Here" in text for text in engine.texts(engine_call)))
        await begin(2)
        await notify("SIP/2.0 200 OK\r\n")
        bye = await caller.call.until_request("BYE")
        caller.call.respond(bye, 200, "OK")
        caller.call.ended = True
        call = await asyncio.to_thread(api.wait_for_status, caller.call_id, "ended")
        assert call["end_reason"] == "transferred"
        kinds = [step["kind"] for step in await caller.timeline()]
        assert (kinds.count("transfer-completed"), kinds.count("transfer-failed")) == (1, 1)
        refused = await caller.post("transfer", {"target": "+14155550188"}, status=409)
        assert refused["error"]["code"] == "call_already_terminal"


def test_a_softphone_calls_the_desk_and_leaves_the_agent(
    gateway: Gateway, api: ApiClient, parties: Parties, tmp_path: Path, speech: Path
) -> None:
    desk = parties.callee("callee_answers", hold_ms=300)
    with BaresipPhone(tmp_path / "phone", speech) as phone:
        phone.dial(f"sip:{RECEPTIONIST}@{gateway.sip}")
        phone.wait_for("CALL_ESTABLISHED")
        call = api.wait_for_call(lambda call: call["status"] == "in-progress")
        api.post(f"/calls/{call['id']}/transfer", {"target": f"sip:desk@{desk.sip.address}"})
        assert desk.sip.wait_for("invited")["to"] == "desk"
        desk.sip.wait_for("acknowledged")
        ended = api.wait_for_status(call["id"], "ended")
        assert ended["end_reason"] == "transferred"
        steps = {step["kind"]: step["detail"] for step in api.timeline(call["id"])}
        assert steps["transfer-completed"]["sip_status"] == 200
        phone.hang_up()
        desk.sip.wait_for("bye")


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.02)
