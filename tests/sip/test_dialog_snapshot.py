"""A snapshot of an established call: what it says, and what is not believed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sip.dialog_snapshot import (
    CSEQ_MARGIN,
    DialogSnapshot,
    SnapshotError,
    dialog_snapshot,
    restored_dialog,
    way_port,
)
from tests.support.sip_endpoint_harness import ANSWER, OFFER, Harness, peer_request, peer_response


def incoming(*headers: tuple[str, str]) -> DialogSnapshot:
    harness = Harness()
    harness.at_invite = lambda call: call.answer(ANSWER)
    harness.receive(peer_request("INVITE", body=OFFER, headers=headers))
    tag = harness.flow.take_response(200).to_tag or ""
    harness.receive(peer_request("ACK", to_tag=tag, branch="z9hG4bK-ack"))
    taken = dialog_snapshot(harness.incoming[0])
    assert taken is not None
    return taken


def test_a_snapshot_goes_through_json_unchanged() -> None:
    taken = incoming(("Record-Route", "<sip:192.0.2.50;lr>"), ("Record-Route", "<sip:192.0.2.51;lr>"))
    again = msgspec.json.decode(msgspec.json.encode(taken), type=DialogSnapshot)
    assert again == taken
    assert again.route_set == ("<sip:192.0.2.50;lr>", "<sip:192.0.2.51;lr>")
    assert (again.owns_call_id, again.remote_cseq, again.transport) == (False, 1, "udp")


def test_a_restored_dialog_asks_above_every_number_that_may_have_been_used() -> None:
    harness = Harness()
    call = harness.call()
    invite = harness.flow.take_request("INVITE")
    harness.receive(peer_response(invite, 200, body=ANSWER))
    taken = dialog_snapshot(call)
    assert taken is not None
    assert taken.owns_call_id
    request = restored_dialog(taken).new_request("INVITE")
    assert request.cseq.number == invite.cseq.number + CSEQ_MARGIN + 1
    assert (request.from_tag, request.to_tag) == (invite.from_tag, "callee-tag")


def test_the_session_timer_is_in_it() -> None:
    taken = incoming(("Supported", "timer"), ("Session-Expires", "600;refresher=uas"))
    assert (taken.interval, taken.refreshes) == (600, True)


def test_a_web_socket_has_no_snapshot_since_nobody_else_can_reach_its_end() -> None:
    harness = Harness(transport="ws")
    harness.at_invite = lambda call: call.answer(ANSWER)
    harness.receive(peer_request("INVITE", body=OFFER, transport="WS"))
    assert dialog_snapshot(harness.incoming[0]) is None


def test_a_peer_that_connected_to_us_is_looked_for_where_its_contact_says() -> None:
    taken = msgspec.structs.replace(
        incoming(), transport="tcp", accepted=True, port=40_000, remote_target="sip:a@192.0.2.10:5090"
    )
    assert way_port(taken) == 5090
    assert way_port(msgspec.structs.replace(taken, accepted=False)) == 40_000
    assert way_port(msgspec.structs.replace(taken, transport="tls", remote_target="sip:192.0.2.10")) == 5061


@pytest.mark.parametrize(
    "changes",
    [
        {"remote_target": "nonsense"},
        {"remote_target": "sip:a@192.0.2.10\r\nEvil: yes"},
        {"route_set": ("<sip:192.0.2.50;lr>", "<")},
        {"local_address": "<sip:a@b>;tag=x\r\nEvil: yes"},
        {"local_tag": "another"},
        {"remote_tag": "another"},
        {"call_id": ""},
        {"call_id": "a\r\nEvil: yes"},
        {"local_cseq": -1},
        {"local_cseq": 2**31 - 2},
    ],
)
def test_what_makes_no_dialog_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(SnapshotError):
        restored_dialog(msgspec.structs.replace(incoming(), **changes))


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"call_id": 1}'])
def test_what_is_no_snapshot_cannot_be_decoded(text: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        msgspec.json.decode(text, type=DialogSnapshot)
