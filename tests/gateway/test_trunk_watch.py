"""Registrations and probes of trunks, over a whole gateway and an independent registrar."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

import pytest

from gateway import trunk_registration, trunk_watch
from gateway.new_trunk import NewTrunk
from gateway.trunk_registration import RegistrationState, granted_seconds, retry_after
from gateway.trunk_watch import TrunkStatus
from sip.message import Response
from store.records import TrunkOutbound, TrunkRegistration
from tests.gateway.doubles import until
from tests.gateway.scene import Scene
from tests.support.sip_message import SipMessage, response_to
from tests.support.sip_peer import SipPeer

Answer = Callable[[SipMessage], tuple[int, str, tuple[tuple[str, str], ...]]]


def _granted(request: SipMessage) -> tuple[int, str, tuple[tuple[str, str], ...]]:
    if request.method == "OPTIONS":
        return 200, "OK", ()
    return 200, "OK", (("Contact", f"{request['Contact']};expires=120"),)


class Registrar:
    """Answers REGISTER and OPTIONS as the test says."""

    def __init__(self, phone: SipPeer) -> None:
        self.asked: list[SipMessage] = []
        self.answer: Answer = _granted
        phone.answer_outside = self._answer

    def _answer(self, request: SipMessage) -> SipMessage:
        self.asked.append(request)
        status, reason, headers = self.answer(request)
        return response_to(request, status, reason, to_tag="registrar", headers=headers)

    def of(self, method: str) -> list[SipMessage]:
        return [message for message in self.asked if message.method == method]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trunk_watch, "LOOK_S", 0.01)
    monkeypatch.setattr(trunk_registration, "FIRST_RETRY_S", 0.01)


async def registering(
    scene: Scene, answer: Answer = _granted, **more: object
) -> tuple[Registrar, Callable[[], TrunkStatus], str]:
    registrar = Registrar(scene.phone)
    registrar.answer = answer
    values = {"registration": TrunkRegistration(300, domain="example.org")} | more
    trunk = await scene.gateway.directory.create_trunk(
        scene.organization_id,
        NewTrunk(
            name="registrar",
            outbound=TrunkOutbound(
                f"{scene.phone.host}:{scene.phone.port}",
                auth_username="alice",
                auth_password="secret",
                **values,  # type: ignore[arg-type]
            ),
        ),
    )
    return registrar, lambda: scene.gateway.trunk_watch.status(trunk.id), trunk.id


def state(status: TrunkStatus) -> str | None:
    return None if status.registration is None else status.registration.state


async def test_a_registration_stands_and_is_taken_back_at_the_end(scene: Scene) -> None:
    registrar, status, _ = await registering(scene)
    await until(lambda: state(status()) == "registered")
    (register,) = registrar.of("REGISTER")
    assert register.start_line.startswith("REGISTER sip:example.org SIP/2.0")
    assert "<sip:alice@example.org>" in register["To"]
    assert register["Expires"] == "300"
    assert register["Contact"].startswith("<sip:alice@127.0.0.1:")
    known = status().registration
    assert known is not None
    assert known.registered_at is not None
    assert known.expires_at is not None
    assert (known.expires_at - known.registered_at).total_seconds() == 120, "what was granted"
    await scene.gateway.trunk_watch.close()
    last = registrar.of("REGISTER")[-1]
    assert last["Expires"] == "0"
    assert last["Call-ID"] == register["Call-ID"]
    assert last.sequence > register.sequence


async def test_a_challenge_is_answered_and_a_refusal_is_shown_and_tried_again(scene: Scene) -> None:
    challenge = (("WWW-Authenticate", 'Digest realm="r", nonce="n", algorithm=MD5, qop="auth"'),)
    refused: list[int] = []

    def answer(request: SipMessage) -> tuple[int, str, tuple[tuple[str, str], ...]]:
        if not request.get("Authorization"):
            return 401, "Unauthorized", challenge
        refused.append(1)
        return (403, "Forbidden", ()) if len(refused) < 3 else (200, "OK", (("Expires", "60"),))

    registrar, status, _ = await registering(scene, answer)
    await until(lambda: state(status()) == "failed")
    known = status().registration
    assert known is not None
    assert (known.error, known.sip_status) == ("403 Forbidden", 403)
    assert scene.gateway.trunk_watch.count(RegistrationState.FAILED) == 1
    await until(lambda: state(status()) == "registered")
    known = status().registration
    assert known is not None
    assert known.error is None
    assert 'username="alice"' in registrar.of("REGISTER")[-1]["Authorization"]


async def test_a_registration_whose_answer_was_awaited_or_whose_refresh_failed_is_taken_back_too(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trunk_registration, "SHORTEST_GRANT_S", 0)
    fine = iter([True])

    def answer(request: SipMessage) -> tuple[int, str, tuple[tuple[str, str], ...]]:
        if request["Expires"] == "0" or next(fine, False):
            return 200, "OK", (("Expires", "1"),)
        return 503, "Service Unavailable", ()

    registrar, status, _ = await registering(scene, answer)
    await until(lambda: state(status()) == "failed")
    await scene.gateway.trunk_watch.close()
    assert registrar.of("REGISTER")[-1]["Expires"] == "0", "the first one still held"


async def test_a_registrar_that_asks_for_patience_gets_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trunk_registration, "LONGEST_ASKED_S", 1)
    times: list[float] = []

    def answer(request: SipMessage) -> tuple[int, str, tuple[tuple[str, str], ...]]:
        times.append(monotonic())
        if len(times) < 2:
            return 503, "Busy", (("Retry-After", "7200 (night);duration=60"),)
        return 200, "OK", (("Expires", "60"),)

    _, status, _ = await registering(scene, answer)
    await until(lambda: state(status()) == "registered")
    assert times[1] - times[0] >= 0.9


async def test_a_registration_that_was_refused_is_not_taken_back(scene: Scene) -> None:
    registrar, status, _ = await registering(scene, lambda request: (403, "Forbidden", ()))
    await until(lambda: state(status()) == "failed")
    await scene.gateway.trunk_watch.close()
    assert {message["Expires"] for message in registrar.of("REGISTER")} == {"300"}


async def test_a_node_that_no_longer_leads_takes_its_registration_back(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trunk_registration, "NOT_OURS_S", 0.01)
    monkeypatch.setattr(trunk_registration, "SHORTEST_GRANT_S", 0)
    registrar, status, _ = await registering(scene, lambda request: (200, "OK", (("Expires", "1"),)))
    await until(lambda: state(status()) == "registered")
    scene.gateway.trunk_watch._leading = lambda: False
    for watched in scene.gateway.trunk_watch._watched.values():
        assert watched.registrar is not None
        watched.registrar._leading = lambda: False
    await until(lambda: state(status()) == "elsewhere")
    assert registrar.of("REGISTER")[-1]["Expires"] == "0"


async def test_a_user_name_with_an_at_sign_is_escaped_in_uris(scene: Scene) -> None:
    registration = TrunkRegistration(300, "alice@example.org", "example.org")
    registrar, status, _ = await registering(scene, registration=registration)
    await until(lambda: state(status()) == "registered")
    (register,) = registrar.of("REGISTER")
    assert "<sip:alice%40example.org@example.org>" in register["To"]
    assert register["Contact"].startswith("<sip:alice%40example.org@127.0.0.1:")
    known = status().registration
    assert known is not None
    assert known.registered_at is not None
    assert known.expires_at is not None
    assert (known.expires_at - known.registered_at).total_seconds() == 120


async def test_too_brief_an_interval_is_lengthened(scene: Scene) -> None:
    def answer(request: SipMessage) -> tuple[int, str, tuple[tuple[str, str], ...]]:
        if int(request["Expires"]) < 900:
            return 423, "Interval Too Brief", (("Min-Expires", "900"),)
        return 200, "OK", ()

    registrar, status, _ = await registering(scene, answer)
    await until(lambda: state(status()) == "registered")
    assert [message["Expires"] for message in registrar.of("REGISTER")] == ["300", "900"]


async def test_a_probe_tells_whether_somebody_is_there(scene: Scene) -> None:
    registrar, status, _ = await registering(scene, registration=None, probe_interval=5)
    await until(lambda: status().probe is not None)
    probed = status().probe
    assert probed is not None
    assert (probed.up, probed.result.sip_status) == (True, 200)
    assert status().registration is None
    assert len(registrar.of("OPTIONS")) == 1
    assert scene.gateway.trunk_watch.unreachable == 0


def test_what_is_granted_is_what_our_contact_says() -> None:
    def granted(*headers: tuple[str, str]) -> int:
        return granted_seconds(Response(200, "OK", headers), "alice", 300)

    assert granted() == 300
    assert granted(("Expires", "60")) == 60
    assert granted(("Contact", "<sip:bob@192.0.2.1>;expires=10, <sip:alice@192.0.2.2>;expires=90")) == 90
    contacts = "<sip:alice@192.0.2.8>;expires=3600, <sip:alice@192.0.2.2>;expires=90"
    assert granted(("Contact", contacts)) == 90, "another one of the same name"
    assert granted(("Contact", "<sip:alice@192.0.2.2>;expires=soon"), ("Expires", "70")) == 70
    assert granted(("Contact", "<<<"), ("Expires", "80")) == 80


def test_retries_grow_to_a_bound_and_are_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trunk_registration, "FIRST_RETRY_S", 2.0)
    for failures, around in ((1, 2.0), (2, 4.0), (5, 32.0), (9, 300.0), (10_000, 300.0)):
        waits = {retry_after(failures) for _ in range(50)}
        assert all(0.8 * around <= wait <= 1.2 * around for wait in waits)
        assert len(waits) > 1
