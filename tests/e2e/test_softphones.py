"""Independent softphones (PJSUA2 and baresip) place calls to the gateway and take calls from it; audio both
ways.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.api_client import ApiClient
from tests.e2e.baresip_phone import BaresipPhone
from tests.e2e.engine_view import EngineView
from tests.e2e.gateway_process import ROOT, Gateway
from tests.e2e.parties import ECHO, Parties
from tests.e2e.steady_tone import loud_part, seconds
from tests.support.audio import RATE, Samples, dominant_tone, read_wav, silence, tone, write_wav

PHONE_HZ = 620
AGENT_HZ = 940


class Pjsua2Phone:
    """Runs `tests.e2e.pjsua2_phone` in a process of its own and follows what it prints."""

    def __init__(self, mode: str, play: Path, record: Path, *arguments: str) -> None:
        self.record = record
        command = [
            sys.executable,
            "-m",
            "tests.e2e.pjsua2_phone",
            mode,
            "--play",
            str(play),
            "--record",
            str(record),
        ]
        self.process = subprocess.Popen(
            [*command, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(line.strip() for line in self.process.stdout)

    def wait_for(self, word: str, limit: float = 15) -> str:
        """The rest of the line that starts with `word`."""
        end = time.monotonic() + limit
        while True:
            for line in self.lines:
                if line.split(" ", 1)[0] == word:
                    return line.partition(" ")[2]
            assert time.monotonic() < end, f"the phone never said {word}: {self.lines}"
            time.sleep(0.02)

    def finish(self, limit: float = 20) -> None:
        assert self.process.wait(limit) == 0, self.lines
        self._reader.join(2)


@contextmanager
def pjsua2(mode: str, play: Path, record: Path, *arguments: str) -> Iterator[Pjsua2Phone]:
    phone = Pjsua2Phone(mode, play, record, *arguments)
    try:
        yield phone
    finally:
        if phone.process.poll() is None:
            phone.process.kill()
        phone.process.wait()


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """What the phones say: a second of silence, then three seconds of tone, then silence."""
    write_wav(tmp_path / "speech.wav", np.concatenate((silence(1000), tone(PHONE_HZ, 3000), silence(10_000))))
    return tmp_path / "speech.wav"


def test_pjsua2_places_a_call_and_hears_its_echo(
    gateway: Gateway, api: ApiClient, tmp_path: Path, speech: Path
) -> None:
    uri = f"sip:{ECHO}@{gateway.sip}"
    with pjsua2("call", speech, tmp_path / "heard.wav", "--uri", uri, "--seconds", "5") as phone:
        phone.wait_for("confirmed")
        phone.finish()
    _assert_tone(_recorded(phone.record), PHONE_HZ, 2.5)
    call = api.wait_for_call(
        lambda call: call["phone_number"] == "+15557650001" and call["status"] == "ended"
    )
    assert call["end_reason"] == "contact-hangup"
    assert call["duration_seconds"] in (4, 5)


def test_pjsua2_takes_a_call_and_both_hear_each_other(
    parties: Parties, api: ApiClient, engine: EngineView, tmp_path: Path, speech: Path
) -> None:
    with pjsua2("answer", speech, tmp_path / "heard.wav", "--seconds", "5") as phone:
        route = parties.outbound_route_to(
            None,
            phone.wait_for("listening"),
            prompt=engine.script({"tone": AGENT_HZ, "ms": 3000}, {"wait": "text"}),
        )
        placed = api.place_call(route.agent_id, "+15557650001")
        assert route.number in phone.wait_for("incoming")
        phone.wait_for("confirmed")
        phone.finish()
    assert api.wait_for_status(placed["id"], "ended")["end_reason"] == "contact-hangup"
    _assert_tone(_recorded(phone.record), AGENT_HZ, 1.0)
    _assert_tone(engine.input_of(api.timeline(placed["id"])), PHONE_HZ, 2.5)


def test_pjsua2_presses_keys(parties: Parties, api: ApiClient, tmp_path: Path, speech: Path) -> None:
    """`#` makes the receptionist say goodbye and hang up."""
    uri = f"sip:+15550100@{parties.gateway.sip}"
    with pjsua2(
        "call", speech, tmp_path / "heard.wav", "--uri", uri, "--seconds", "15", "--digits", "#"
    ) as phone:
        phone.wait_for("confirmed")
        phone.finish()
    call = api.wait_for_call(
        lambda call: call["phone_number"] == "+15557650001" and call["from_number"] == "+15550100"
    )
    assert api.wait_for_status(call["id"], "ended")["end_reason"] == "agent-hangup"
    assert len(loud_part(_recorded(phone.record))) > RATE / 2, "the agent was not heard"


def test_baresip_places_a_call_and_hears_its_echo(
    gateway: Gateway, api: ApiClient, tmp_path: Path, speech: Path
) -> None:
    with BaresipPhone(tmp_path / "baresip", speech) as phone:
        phone.dial(f"sip:{ECHO}@{gateway.sip}")
        phone.wait_for("CALL_ESTABLISHED")
        time.sleep(5)
        phone.hang_up()
        call = api.wait_for_call(
            lambda call: call["phone_number"] == "+15557650002" and call["status"] == "ended"
        )
        heard = _recorded(phone.heard)
    _assert_tone(heard, PHONE_HZ, 2.5)
    assert call["end_reason"] == "contact-hangup"


def test_baresip_takes_a_call_and_both_hear_each_other(
    parties: Parties, api: ApiClient, engine: EngineView, tmp_path: Path, speech: Path
) -> None:
    with BaresipPhone(tmp_path / "baresip", speech, auto_answer=True) as phone:
        prompt = engine.script({"tone": AGENT_HZ, "ms": 3000}, {"wait": "text"})
        route = parties.outbound_route_to(None, phone.address, prompt=prompt)
        placed = api.place_call(route.agent_id, "+15557650002")
        phone.wait_for("CALL_ESTABLISHED")
        time.sleep(5)
        api.post(f"/calls/{placed['id']}/hangup")
        phone.wait_for("CALL_CLOSED")
        heard = _recorded(phone.heard)
    assert api.wait_for_status(placed["id"], "ended")["end_reason"] == "api-hangup"
    _assert_tone(heard, AGENT_HZ, 1.0)
    _assert_tone(engine.input_of(api.timeline(placed["id"])), PHONE_HZ, 2.5)


def _recorded(path: Path) -> Samples:
    samples, rate = read_wav(path)
    assert rate == RATE
    return samples


def _assert_tone(samples: Samples, frequency: float, at_least_s: float) -> None:
    part = loud_part(samples)
    assert seconds(part) >= at_least_s, f"only {seconds(part):.2f} s of sound"
    found, level = dominant_tone(part)
    assert abs(found - frequency) < 3, f"heard {found:.1f} Hz, not {frequency} Hz"
    assert level > -20, f"{level:.1f} dBFS"
