"""What a REGISTER does to the bindings of an address of record (RFC 3261 section 10.3, 3327, 5626)."""

from __future__ import annotations

import pytest

from sip.binding import Binding
from sip.errors import ParseError
from sip.message import Response
from sip.registrar import Registered, Registrar, RegistrarPolicy
from tests.support.sip_endpoint_harness import PEER_HOST, PEER_PORT, RecordingFlow, peer_request

POLICY = RegistrarPolicy(max_contacts=2, min_expires=60, max_expires=600, default_expires=300)
HERE = f"sip:pbx@{PEER_HOST}:{PEER_PORT}"
INSTANCE = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>"'


class Desk:
    """A registrar whose clock stands, and one who sends to it."""

    def __init__(self, most_bindings: int = 100) -> None:
        self.now = 1000.0
        self.registrar = Registrar(lambda: self.now, most_bindings=most_bindings)
        self.flow = RecordingFlow(PEER_HOST, PEER_PORT, "udp")

    def send(
        self,
        *contacts: str,
        cseq: int = 1,
        call_id: str = "one",
        aor: str = "trunk",
        flow: RecordingFlow | None = None,
        source: tuple[str, int] = (PEER_HOST, PEER_PORT),
        **headers: str,
    ) -> Registered:
        named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        request = peer_request(
            "REGISTER",
            cseq=cseq,
            call_id=call_id,
            headers=(*(("Contact", contact) for contact in contacts or ("x",)), *named),
        )
        if not contacts:
            request.remove("Contact")
        return self.registrar.register(request, aor, POLICY, flow or self.flow, source)

    def status(self, *contacts: str, **more: object) -> int:
        return self.send(*contacts, **more).response.status  # type: ignore[arg-type]

    @property
    def held(self) -> list[str]:
        return [one.contact for one in self.registrar.bindings("trunk")]


def shown(response: Response) -> list[str]:
    return response.values("Contact")


def test_a_contact_is_bound_shown_and_gone_when_its_time_is_over() -> None:
    desk = Desk()
    answer = desk.send(f"<{HERE}>", Expires="120", User_Agent="PBX 1").response
    assert answer.status == 200
    assert shown(answer) == [f"<{HERE}>;expires=120"]
    assert answer.get("Date")
    assert answer.to_tag
    (binding,) = desk.registrar.bindings("trunk")
    assert (binding.source, binding.transport, binding.user_agent) == ((PEER_HOST, PEER_PORT), "udp", "PBX 1")
    desk.now += 100
    assert shown(desk.send().response) == [f"<{HERE}>;expires=20"], "a query tells what is left"
    desk.now += 20
    assert desk.held == []
    assert desk.registrar.expire() == {"trunk"}
    assert len(desk.registrar) == 0


@pytest.mark.parametrize(
    ("contact", "headers", "granted"),
    [
        ("<sip:a@b>;expires=90", {"Expires": "400"}, 90),
        ("<sip:a@b>", {"Expires": "400"}, 400),
        ("<sip:a@b>", {}, 300),
        ("<sip:a@b>;expires=7200", {}, 600),
        ("<sip:a@b>;expires=soon", {}, 600),
    ],
)
def test_the_time_is_that_of_the_contact_the_header_or_the_default_within_bounds(
    contact: str, headers: dict[str, str], granted: int
) -> None:
    assert shown(Desk().send(contact, **headers).response) == [f"<sip:a@b>;expires={granted}"]  # type: ignore[arg-type]


def test_too_short_a_time_gets_423_and_changes_nothing() -> None:
    desk = Desk()
    answer = desk.send("<sip:good@b>;expires=60", "<sip:short@b>;expires=59").response
    assert (answer.status, answer.get("Min-Expires")) == (423, "60")
    assert desk.held == []


def test_a_refresh_keeps_when_it_began_and_an_old_one_is_refused() -> None:
    desk = Desk()
    desk.send(f"<{HERE}>", cseq=5)
    desk.now += 50
    assert desk.status(f"<{HERE}>", cseq=6) == 200
    (binding,) = desk.registrar.bindings("trunk")
    assert (binding.registered_at, binding.seen_at, binding.expires_at) == (1000, 1050, 1350)
    assert desk.status(f"<{HERE}>;expires=0", cseq=6) == 500
    assert desk.status(f"<{HERE}>;expires=0", cseq=2) == 500
    assert desk.held == [HERE]
    assert desk.status(f"<{HERE}>;expires=0", cseq=1, call_id="after a restart") == 200
    assert desk.held == []


def test_a_star_removes_everything_and_nothing_else() -> None:
    desk = Desk()
    desk.send("<sip:a@b>", "<sip:c@d>", cseq=3)
    assert desk.status("*", cseq=4) == 400, "without Expires"
    assert desk.status("*", cseq=4, Expires="60") == 400
    assert desk.status("*", "<sip:a@b>", cseq=4, Expires="0") == 400
    assert desk.status("*", cseq=3, Expires="0") == 500
    assert len(desk.held) == 2
    answer = desk.send("*", cseq=4, Expires="0").response
    assert (answer.status, shown(answer), desk.held) == (200, [], [])


def test_the_best_q_comes_first_then_who_was_heard_last() -> None:
    desk = Desk()
    desk.send("<sip:low@b>;q=0.2", call_id="a")
    desk.now += 1
    desk.send("<sip:high@b>;q=0.7", call_id="b")
    assert desk.held == ["sip:high@b", "sip:low@b"]
    desk.now += 1
    desk.send("<sip:high@b>;q=0.2", call_id="b", cseq=2)
    assert desk.held == ["sip:high@b", "sip:low@b"]
    desk.send("<sip:low@b>;q=2.5", call_id="a", cseq=2)
    assert desk.held[0] == "sip:low@b", "a q that makes no sense says nothing"


def test_a_contact_beyond_the_most_takes_the_place_of_the_oldest() -> None:
    desk = Desk()
    for number in range(3):
        desk.now += 1
        taken = desk.send(f"<sip:phone{number}@b>", call_id=str(number))
    assert (desk.held, taken.displaced) == (["sip:phone2@b", "sip:phone1@b"], 1)
    assert desk.status("<sip:1@b>", "<sip:2@b>", "<sip:3@b>", call_id="many") == 403


def test_the_number_of_all_bindings_is_bounded() -> None:
    desk = Desk(most_bindings=1)
    assert desk.status("<sip:a@b>") == 200
    answer = desk.send("<sip:a@b>", aor="other").response
    assert (answer.status, answer.get("Retry-After")) == (503, "60")
    assert desk.status("<sip:a@b>", cseq=2) == 200, "a refresh is none more"


@pytest.mark.parametrize("contact", ["<sip:" + "a" * 600 + "@b>", "<tel:+15550100>", "<mailto:a@b>"])
def test_a_contact_that_no_call_can_go_to_is_refused(contact: str) -> None:
    desk = Desk()
    assert desk.status(contact) == 400
    assert desk.held == []


def test_a_contact_that_cannot_be_read_is_a_fault_of_the_message() -> None:
    with pytest.raises(ParseError):
        Desk().send("<sip:broken")


def test_an_extension_that_is_required_and_unknown_gets_420() -> None:
    answer = Desk().send("<sip:a@b>", Require="gruu, path").response
    assert (answer.status, answer.get("Unsupported")) == (420, "gruu")


def test_the_path_is_kept_and_told() -> None:
    desk = Desk()
    answer = desk.send(
        "<sip:a@b>", Path="<sip:edge.example;lr>,<sip:core.example;lr>", Supported="path"
    ).response
    assert answer.get_all("Path") == ["<sip:edge.example;lr>", "<sip:core.example;lr>"]
    (binding,) = desk.registrar.bindings("trunk")
    assert binding.path == ("<sip:edge.example;lr>", "<sip:core.example;lr>")
    assert desk.status("<sip:a@b>", cseq=2, Path="<sip:" + "a" * 1100 + ";lr>") == 400


def test_a_phone_that_connects_anew_is_not_there_twice() -> None:
    desk = Desk()
    first, second = (RecordingFlow(PEER_HOST, port, "ws") for port in (1, 2))
    desk.send(f"<sip:x@1.invalid>;reg-id=1;{INSTANCE}", flow=first, Supported="outbound, path")
    answer = desk.send(
        f"<sip:y@2.invalid>;reg-id=1;{INSTANCE}", call_id="new", flow=second, Supported="outbound"
    ).response
    assert desk.held == ["sip:y@2.invalid"]
    assert answer.get("Require") == "outbound"
    assert "reg-id=1" in shown(answer)[0]
    assert INSTANCE in shown(answer)[0]
    assert desk.registrar.flow_lost(first) == set(), "the old connection has nothing any more"
    assert desk.registrar.flow_lost(second) == {"trunk"}
    assert desk.held == []


def test_two_flows_of_one_phone_stand_beside_each_other() -> None:
    desk = Desk()
    desk.send(f"<sip:x@1.invalid>;reg-id=1;{INSTANCE}", call_id="1")
    desk.send(f"<sip:y@1.invalid>;reg-id=2;{INSTANCE}", call_id="2")
    assert len(desk.held) == 2


def test_behind_a_proxy_that_keeps_no_flow_outbound_is_refused() -> None:
    desk = Desk()
    request = peer_request(
        "REGISTER",
        headers=(
            ("Contact", f"<sip:a@b>;reg-id=1;{INSTANCE}"),
            ("Via", "SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK-2"),
            ("Supported", "outbound"),
        ),
    )
    answer = desk.registrar.register(request, "trunk", POLICY, desk.flow, (PEER_HOST, PEER_PORT))
    assert answer.response.status == 439
    request.add("Path", "<sip:edge.example;lr;ob>")
    answer = desk.registrar.register(request, "trunk", POLICY, desk.flow, (PEER_HOST, PEER_PORT))
    assert answer.response.get("Require") == "outbound"


def test_who_listens_where_he_came_from_outlives_his_connection() -> None:
    desk = Desk()
    connection = RecordingFlow(PEER_HOST, 40000, "tcp")
    source = (PEER_HOST, 40000)
    desk.send(f"<sip:a@{PEER_HOST}:5070;transport=tcp>", flow=connection, source=source, call_id="a")
    desk.send("<sip:b@10.9.9.9:5070;transport=tcp>", flow=connection, source=source, call_id="b")
    assert desk.registrar.flow_lost(connection) == {"trunk"}
    (left,) = desk.registrar.bindings("trunk")
    assert left.contact.startswith("sip:a@")
    assert left.flow is None


def test_a_nat_is_noticed() -> None:
    desk = Desk()
    desk.send(f"<{HERE}>", call_id="open")
    desk.send("<sip:pbx@10.0.0.5:5060>", call_id="natted")
    assert {one.contact: one.behind_nat for one in desk.registrar.bindings("trunk")} == {
        HERE: False,
        "sip:pbx@10.0.0.5:5060": True,
    }


def test_addresses_of_record_do_not_mix_and_can_be_restored_and_forgotten() -> None:
    desk = Desk()
    desk.send("<sip:a@b>")
    held: tuple[Binding, ...] = desk.registrar.bindings("trunk")
    desk.registrar.restore("other", held)
    assert len(desk.registrar) == 2
    desk.registrar.forget("trunk")
    assert (desk.held, desk.registrar.addresses, len(desk.registrar)) == ([], ("other",), 1)


def test_bytes_that_are_no_text_are_not_kept() -> None:
    desk = Desk()
    assert desk.status("<sip:a\udcff@b>") == 400
    assert desk.status("<sip:a@b>", call_id="\udcff") == 400
    assert desk.status("<sip:a@b>", Path="<sip:\udcff@edge;lr>") == 400
    assert desk.status('<sip:a@b>;reg-id=1;+sip.instance="<\udcff>"', call_id="new") == 400
    assert desk.send("<sip:a@b>", User_Agent="Caf\udce9", call_id="ok").response.status == 200
    (binding,) = desk.registrar.bindings("trunk")
    assert binding.user_agent == "Caf\u00e9"


def test_a_connection_that_nobody_registered_over_is_lost_without_a_look_at_all_bindings() -> None:
    desk = Desk()
    connection = RecordingFlow(PEER_HOST, 40000, "tcp")
    desk.send("<sip:a@b>", flow=connection)
    desk.send("<sip:a@b>", cseq=2, Expires="0", flow=connection)
    assert desk.registrar._connected == {}
    desk.send("<sip:a@b>", cseq=3, flow=connection)
    desk.send("<sip:c@d>", aor="other", flow=connection)
    looked_at = desk.registrar._bindings

    class Unlisted(dict[str, tuple[Binding, ...]]):
        def items(self) -> object:  # type: ignore[override]
            raise AssertionError("all bindings were looked at")

    desk.registrar._bindings = Unlisted(looked_at)
    assert desk.registrar.flow_lost(RecordingFlow(PEER_HOST, 40001, "tcp")) == set()
    assert desk.registrar.flow_lost(connection) == {"trunk", "other"}
    assert len(desk.registrar) == 0


def test_a_contact_that_is_shown_is_never_shown_as_removed() -> None:
    desk = Desk()
    desk.send(f"<{HERE}>", Expires="60")
    desk.now += 59.7
    assert shown(desk.send().response) == [f"<{HERE}>;expires=1"]
