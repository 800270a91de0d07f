"""The load of N browsers with audio both ways, from a process of its own.

    python -m bench.browser_load --http 127.0.0.1:8080 --key KEY --agent ID --calls 50 --seconds 20

Prints what `bench.load_generator` prints: `steady`, `end` and the result, a JSON object a line.
"""

from __future__ import annotations

import argparse
import resource
import sys
import threading
import time
from collections.abc import Callable

import httpx
import msgspec

from bench.browser_caller import BrowserCaller
from media.dtls import DtlsContext
from media.dtls_certificate import DtlsCertificate

HOST = "127.0.0.1"
TICK_S = 0.02
SETUP_TIMEOUT_S = 60.0
SETTLE_S = 2.0
RETRY_S = 1.0


Finished = Callable[[float], bool]


class BrowserLoadResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the browsers of one run got, and what it cost their process."""

    calls_asked: int
    calls_up: int
    window_s: float
    packets_sent: int
    packets_received: int
    undecryptable: int  # of the packets that were looked at
    late_ticks: int  # of our own clock, by more than a packet
    generator_cpu_ms_per_call_second: float


class BrowserEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of the output."""

    event: str
    result: BrowserLoadResult | None = None


class BrowserLoad:
    """Joins the calls one after the other while those that stand go on."""

    def __init__(self, http: str, key: str, agent_id: str, calls: int, seconds: float) -> None:
        self._base = f"http://{http}/api/public/v1"
        self._key = key
        self._agent_id = agent_id
        self._seconds = seconds
        context = DtlsContext(DtlsCertificate.generate())
        self._callers = [BrowserCaller(HOST, context, index) for index in range(calls)]
        self._late = 0

    def run(self) -> BrowserLoadResult:
        joining = threading.Thread(target=self._join_all, daemon=True)
        joining.start()
        limit = time.monotonic() + SETUP_TIMEOUT_S
        self._tick_until(
            lambda now: now > limit or all(caller.connected and caller.received for caller in self._callers)
        )
        self._tick_for(SETTLE_S)
        up = [caller for caller in self._callers if caller.connected]
        _say(BrowserEvent(event="steady"))
        cpu, begun = _cpu_s(), time.monotonic()
        sent, received = _total(up, "sent"), _total(up, "received")
        self._late = 0
        self._tick_for(self._seconds)
        window_s = time.monotonic() - begun
        cpu = _cpu_s() - cpu
        result = BrowserLoadResult(
            calls_asked=len(self._callers),
            calls_up=len(up),
            window_s=round(window_s, 3),
            packets_sent=_total(up, "sent") - sent,
            packets_received=_total(up, "received") - received,
            undecryptable=_total(up, "undecryptable"),
            late_ticks=self._late,
            generator_cpu_ms_per_call_second=round(cpu * 1000 / max(1, len(up)) / window_s, 3),
        )
        _say(BrowserEvent(event="end"))
        self._leave()
        return result

    def _join_all(self) -> None:
        """Whoever is told to come again comes again, as a page would."""
        waiting = list(self._callers)
        limit = time.monotonic() + SETUP_TIMEOUT_S
        with httpx.Client(timeout=20) as client:
            while waiting and time.monotonic() < limit:
                waiting = [caller for caller in waiting if not self._join(client, caller)]
                if waiting:
                    time.sleep(RETRY_S)

    def _join(self, client: httpx.Client, caller: BrowserCaller) -> bool:
        """False when the gateway has no place now."""
        if not caller.token:
            made = client.post(
                f"{self._base}/webrtc/call",
                json={"agent_id": self._agent_id},
                headers={"Authorization": f"Bearer {self._key}"},
            )
            caller.token = made.json()["joinUrl"].replace("#", "/").rpartition("/")[2]
        answer = client.post(
            f"{self._base}/webrtc/sessions",
            content=caller.offer(),
            headers={"Authorization": f"Bearer {caller.token}", "Content-Type": "application/sdp"},
        )
        if answer.status_code == 503:
            return False
        answer.raise_for_status()
        caller.session = answer.headers["location"]
        caller.take_answer(answer.text)
        return True

    def _leave(self) -> None:
        with httpx.Client(timeout=20) as client:
            for caller in self._callers:
                if caller.session:
                    host = self._base.partition("/api/")[0]
                    client.delete(f"{host}{caller.session}")
                caller.close()

    def _tick_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        self._tick_until(lambda now: now >= end)

    def _tick_until(self, finished: Finished) -> None:
        due = time.monotonic()
        while not finished(now := time.monotonic()):
            if now < due:
                time.sleep(due - now)
            elif now - due > TICK_S:
                self._late += 1
                due = now
            due += TICK_S
            now = time.monotonic()
            for caller in self._callers:
                caller.tick(now)


def _total(callers: list[BrowserCaller], name: str) -> int:
    return sum(int(getattr(caller, name)) for caller in callers)


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _say(event: BrowserEvent) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(event) + b"\n")
    sys.stdout.buffer.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.browser_load")
    parser.add_argument("--http", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--agent", required=True)
    parser.add_argument("--calls", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    load = BrowserLoad(options.http, options.key, options.agent, options.calls, options.seconds)
    _say(BrowserEvent(event="result", result=load.run()))


if __name__ == "__main__":
    main()
