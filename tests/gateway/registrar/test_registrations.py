"""A phone registers with a whole gateway, is called, and calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from gateway.defence.trunk_digest import kept_digest
from gateway.new_trunk import NewTrunk
from gateway.registrar import keeping
from gateway.registrar.keeping import RegistrationKeeper
from gateway.registrar.registrations import RegistrarMetrics, Registrations
from gateway.trunk_probe import ProbeOutcome
from sip.digest import DigestClient, parse_challenges
from store.records import Trunk, TrunkInbound, TrunkOutbound
from store.registrar_records import InboundRegistrar, RegisteredContact, ToRegistered
from tests.gateway.doubles import until
from tests.gateway.scene import CALLEE, NUMBER, SDP, Scene
from tests.support.sip_call import PeerCall
from tests.support.sip_message import SipMessage, new_tag
from tests.support.sip_peer import SipPeer

PBX = kept_digest("pbx", "correct horse")
TO_CONTACT = TrunkOutbound("", to_registered=ToRegistered.CONTACT)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "LOOK_S", 0.01)


async def registrar(
    scene: Scene,
    settings: InboundRegistrar | None = InboundRegistrar(),  # noqa: B008 - frozen
    outbound: TrunkOutbound | None = TO_CONTACT,
) -> Trunk:
    """The scene's only trunk is one that somebody registers at."""
    (trunk,) = scene.gateway.directory.trunks()
    return await scene.gateway.directory.update_trunk(
        scene.organization_id,
        trunk.id,
        inbound=TrunkInbound((), PBX, registrar=settings),
        outbound=outbound,
    )


class Handset:
    """Registers as a phone does: asks, is challenged, answers."""

    def __init__(self, scene: Scene, phone: SipPeer) -> None:
        self.scene = scene
        self.phone = phone
        self.cseq = 0
        self.call_id = new_tag()

    async def register(
        self, contact: str | None = None, *, password: str = "correct horse", **headers: str
    ) -> SipMessage:
        asked = await self._send(contact, headers, None)
        assert asked.status == 401
        return await self._send(contact, headers, (asked, password))

    async def _send(
        self, contact: str | None, headers: dict[str, str], challenge: tuple[SipMessage, str] | None
    ) -> SipMessage:
        phone, target = self.phone, self.scene.target
        uri = f"sip:{target[0]}:{target[1]}"
        self.cseq += 1
        request = SipMessage(
            f"REGISTER {uri} SIP/2.0",
            [
                ("Via", phone.via()),
                ("Max-Forwards", "70"),
                ("From", f"<sip:pbx@{target[0]}>;tag={new_tag()}"),
                ("To", f"<sip:pbx@{target[0]}>"),
                ("Call-ID", self.call_id),
                ("CSeq", f"{self.cseq} REGISTER"),
                ("Contact", contact or phone.contact),
                ("User-Agent", "Handset 1"),
                *headers.items(),
            ],
        )
        if challenge is not None:
            told, password = challenge
            offered = parse_challenges([value for name, value in told.headers if name == "WWW-Authenticate"])
            header = DigestClient("pbx", password).authorization(offered[0], "REGISTER", uri)
            request.headers.append(("Authorization", header))
        await phone.send_request(request, target)
        return await phone.until_received(
            lambda m: m.is_response and m.get("Call-ID") == self.call_id and m.sequence == self.cseq
        )


def registered(scene: Scene, trunk: Trunk) -> list[str]:
    contacts = scene.gateway.trunk_watch.status(trunk.id).contacts
    assert contacts is not None
    return [one.contact for one in contacts]


def rules(scene: Scene) -> list[str]:
    return [one.rule for one in scene.gateway.rejections.list(scene.organization_id, 50, 0).items]


async def test_a_phone_registers_is_shown_and_is_called_where_it_is(scene: Scene) -> None:
    trunk = await registrar(scene)
    answer = await Handset(scene, scene.phone).register()
    assert answer.status == 200
    assert answer["Contact"] == f"{scene.phone.contact};expires=3600"
    (shown,) = scene.gateway.trunk_watch.status(trunk.id).contacts or ()
    assert (shown.transport, shown.address) == ("udp", f"{scene.phone.host}:{scene.phone.port}")
    assert shown.user_agent == "Handset 1"
    call, session = await scene.ringing()
    assert call.invite.start_line == f"INVITE sip:{CALLEE}@{scene.phone.host}:{scene.phone.port} SIP/2.0"
    call.answer(SDP)
    await until(lambda: session.call.status == "in-progress")
    await call.bye()
    record = await scene.over()
    assert record.status == "ended"


async def test_a_pbx_gets_the_number_called_and_its_path(scene: Scene) -> None:
    await registrar(scene, outbound=replace(TO_CONTACT, to_registered=ToRegistered.NUMBER))
    # The Contact leads nowhere: the call has to go back to where the REGISTER came from.
    await Handset(scene, scene.phone).register("<sip:line@10.9.8.7:5066>", Path="<sip:edge.example;lr>")
    call, session = await scene.ringing()
    assert call.invite.start_line == f"INVITE sip:{CALLEE}@10.9.8.7:5066 SIP/2.0"
    assert call.invite["Route"] == "<sip:edge.example;lr>"
    call.answer(SDP)
    await until(lambda: session.call.status == "in-progress")
    session.shut_down()
    await call.until_request("BYE")
    await scene.over()


async def test_without_anybody_registered_the_call_fails_and_says_so(scene: Scene) -> None:
    trunk = await registrar(scene)
    await scene.place()
    record = await scene.over()
    assert (record.status, record.failure_reason) == ("failed", "trunk-unavailable")
    (failed,) = [step for step in await scene.timeline(record) if step.kind == "failed"]
    assert "nobody is registered for the trunk" in str(failed.detail)
    await scene.gateway.store.registrations.save("other-node", {trunk.id: [_elsewhere()]})
    await scene.place()
    record = await scene.over()
    (failed,) = [step for step in await scene.timeline(record) if step.kind == "failed"]
    assert "the node other-node has the connection" in str(failed.detail)


async def test_the_next_phone_is_tried_when_the_best_one_does_not_take_the_call(scene: Scene) -> None:
    await registrar(scene)
    async with await SipPeer.open(user="second") as second:
        await Handset(scene, scene.phone).register(f"{scene.phone.contact};q=0.9")
        await Handset(scene, second).register(f"{second.contact};q=0.1")
        await scene.place()
        first = await scene.phone.incoming()
        first.reject(486, "Busy Here")
        call = await second.incoming()
        call.ring()
        call.reject(603, "Decline")
        record = await scene.over()
        assert (record.status, record.failure_reason) == ("failed", "rejected")
        steps = [step.detail for step in await scene.timeline(record) if step.kind == "invite-sent"]
        assert [step["target"] for step in steps] == [
            f"udp:{phone.host}:{phone.port}" for phone in (scene.phone, second)
        ]


async def test_over_a_connection_calls_come_on_it_and_end_with_it(
    make_gateway: Callable[..., asyncio.Future[Scene]],
) -> None:
    scene = await make_gateway(sip={"listen": ("udp:127.0.0.1:0", "tcp:127.0.0.1:0")})
    trunk = await registrar(scene)
    listen = next(one for one in scene.gateway._user_agent.addresses if one.transport == "tcp")
    scene.target = (listen.host, listen.port)
    async with await SipPeer.open(transport="tcp", user="tcp-phone") as phone:
        await Handset(scene, phone).register("<sip:x@abc.invalid;transport=tcp>")
        await scene.place()
        call = await phone.incoming()
        assert call.invite.start_line == "INVITE sip:x@abc.invalid;transport=tcp SIP/2.0"
        call.reject(486, "Busy Here")
        await scene.over()
    await until(lambda: registered(scene, trunk) == [])
    await scene.place()
    assert (await scene.over()).failure_reason == "trunk-unavailable"


async def test_who_may_not_register_is_told_and_his_owner_reads_why(scene: Scene) -> None:
    trunk = await registrar(scene, settings=None, outbound=None)
    handset = Handset(scene, scene.phone)
    assert (await handset.register()).status == 403
    assert rules(scene) == ["registrar_off"]
    await registrar(scene, InboundRegistrar(max_contacts=1), outbound=None)
    assert (await handset.register(password="wrong horse")).status == 401
    assert (await handset.register("<sip:a@b>, <sip:c@d>")).status == 403
    assert rules(scene)[:2] == ["registration_malformed", "digest_refused"]
    assert registered(scene, trunk) == []
    value = scene.gateway.registry.get_sample_value
    assert value("trunkline_registrar_requests_total", {"outcome": "refused"}) == 2


async def test_another_password_ends_what_was_registered_with_the_old_one(scene: Scene) -> None:
    trunk = await registrar(scene)
    await Handset(scene, scene.phone).register()
    side = TrunkInbound((), kept_digest("pbx", "another horse"), registrar=InboundRegistrar())
    await scene.gateway.directory.update_trunk(scene.organization_id, trunk.id, inbound=side)
    await until(lambda: registered(scene, trunk) == [])


async def test_the_trunk_is_probed_through_its_registration(scene: Scene) -> None:
    trunk = await registrar(scene)
    assert trunk.outbound is not None
    nobody = await scene.gateway.numbers.test_trunk(trunk)
    assert nobody.outcome is ProbeOutcome.NOT_REACHABLE
    assert "nobody is registered" in nobody.text
    await Handset(scene, scene.phone).register()
    found = await scene.gateway.numbers.test_trunk(trunk)
    assert found.outcome is ProbeOutcome.REACHABLE


async def test_while_registered_the_source_is_enough_where_the_trunk_says_so(scene: Scene) -> None:
    await registrar(scene, InboundRegistrar(trust_source=True))
    handset = Handset(scene, scene.phone)
    await handset.register()
    call = await scene.dial()
    session = await scene.session()
    assert session.call.record.trunk_id
    session.shut_down()
    await scene.over()
    await handset.register(Expires="0")
    call = await scene.dial()
    assert (await call.until_final()).status == 401


async def test_without_trust_a_registered_phone_shows_its_password(scene: Scene) -> None:
    await registrar(scene)
    await Handset(scene, scene.phone).register()
    call: PeerCall = await scene.dial()
    assert (await call.until_final()).status == 401
    assert NUMBER in call.invite.start_line


async def test_registrations_outlive_a_restart(scene: Scene) -> None:
    trunk = await registrar(scene)
    await Handset(scene, scene.phone).register("<sip:pbx@10.0.0.5>", Path="<sip:edge.example;lr>")
    gateway = scene.gateway
    node = gateway.cluster.node.id
    async with asyncio.timeout(5):
        while not await gateway.store.registrations.of_node(node):
            await asyncio.sleep(0.01)
    metrics = RegistrarMetrics(CollectorRegistry())
    again = Registrations(gateway.directory.trunk, None, metrics)  # type: ignore[arg-type]
    keeper = RegistrationKeeper(again, gateway.store.registrations, node)
    await keeper.restore()
    (before,) = gateway._registrations.contacts(trunk.id)
    (after,) = again.contacts(trunk.id)
    assert (after.contact, after.source, after.path) == (before.contact, before.source, before.path)
    assert (after.call_id, after.cseq, after.local_port) == (before.call_id, before.cseq, scene.target[1])
    assert abs(after.expires_at - before.expires_at) < 1
    way = gateway._user_agent.way_to(after)
    assert way is not None
    assert (way.host, way.port, way.accepted) == (*before.source, True)


async def test_a_new_password_counts_at_once_also_for_who_registers_in_the_same_moment(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Registrations, "tidy", lambda self: None)
    trunk = await registrar(scene)
    await Handset(scene, scene.phone).register("<sip:thief@10.0.0.1>")
    side = TrunkInbound((), kept_digest("pbx", "another horse"), registrar=InboundRegistrar())
    await scene.gateway.directory.update_trunk(scene.organization_id, trunk.id, inbound=side)
    await Handset(scene, scene.phone).register("<sip:owner@10.0.0.2>", password="another horse")
    assert registered(scene, trunk) == ["sip:owner@10.0.0.2"]


async def test_another_password_while_the_node_was_away_ends_what_it_had_kept(scene: Scene) -> None:
    trunk = await registrar(scene)
    await Handset(scene, scene.phone).register()
    gateway = scene.gateway
    node = gateway.cluster.node.id
    async with asyncio.timeout(5):
        while not (kept := await gateway.store.registrations.of_node(node)):
            await asyncio.sleep(0.01)
    side = TrunkInbound((), kept_digest("pbx", "another horse"), registrar=InboundRegistrar())
    await gateway.directory.update_trunk(scene.organization_id, trunk.id, inbound=side)
    await gateway.store.registrations.save("away", kept)
    again = Registrations(gateway.directory.trunk, None, RegistrarMetrics(CollectorRegistry()))  # type: ignore[arg-type]
    await RegistrationKeeper(again, gateway.store.registrations, "away").restore()
    assert again.contacts(trunk.id) == ()


async def test_a_place_that_several_have_registered_from_shows_nobody(scene: Scene) -> None:
    trunk = await registrar(scene, InboundRegistrar(trust_source=True))
    await Handset(scene, scene.phone).register()
    registrations = scene.gateway._registrations
    source = (scene.phone.host, scene.phone.port)
    assert registrations.trusted_trunk("udp", source) == trunk.id
    neighbour = await scene.gateway.directory.create_trunk(
        scene.organization_id,
        NewTrunk(
            name="Neighbour",
            inbound=TrunkInbound(
                (), kept_digest("next", "door horse"), registrar=InboundRegistrar(trust_source=True)
            ),
        ),
    )
    registrations.restore(neighbour.id, registrations.contacts(trunk.id))
    assert registrations.trusted_trunk("udp", source) is None
    await scene.gateway.directory.delete_trunk(scene.organization_id, neighbour.id)
    await until(lambda: registrations.trusted_trunk("udp", source) == trunk.id)


async def test_who_calls_over_the_proxy_of_a_registered_phone_shows_a_password(scene: Scene) -> None:
    await registrar(scene, InboundRegistrar(trust_source=True))
    await Handset(scene, scene.phone).register()
    uri = f"sip:{NUMBER}@{scene.target[0]}"
    for via in ("SIP/2.0/UDP 10.0.0.7:5060;branch=z9hG4bKbehind", "what nobody can read"):
        call = await scene.phone.call(uri, scene.target, SDP, headers=(("Via", via),))
        assert (await call.until_final()).status == 401, via


async def test_what_was_being_written_when_the_node_ends_is_written_once_more(scene: Scene) -> None:
    trunk = await registrar(scene)
    saved: list[set[str]] = []

    class Slow:
        async def save(self, node_id: str, contacts: dict[str, list[RegisteredContact]]) -> None:
            saved.append(set(contacts))
            if len(saved) == 1:
                await asyncio.sleep(60)

        async def prune(self, before: datetime) -> int:
            return 0

    registrations = Registrations(
        scene.gateway.directory.trunk,
        None,  # type: ignore[arg-type]
        RegistrarMetrics(CollectorRegistry()),
    )
    keeper = RegistrationKeeper(registrations, Slow(), "another")  # type: ignore[arg-type]
    registrations.changed.add(trunk.id)
    keeper.start()
    await until(lambda: bool(saved))
    await keeper.close()
    assert saved == [{trunk.id}, {trunk.id}]


def _elsewhere() -> RegisteredContact:
    now = datetime.now(UTC)
    return RegisteredContact(
        contact="sip:x@y",
        transport="ws",
        host="192.0.2.9",
        port=1,
        local_port=None,
        call_id="c",
        cseq=1,
        registered_at=now,
        seen_at=now,
        expires_at=now + timedelta(minutes=5),
    )
