"""What the media plane costs by itself: N calls of G.711 through RTP, the plane, a WebSocket echo and back.

Three processes: the plane alone (what is measured), an echo that plays the engine, and the generator here,
which sends RTP with a number in each packet, finds the number in what comes back, and reads arrival times
from the kernel.

    python -m bench.media_loop --calls 200 --seconds 10

prints one JSON object. Times are milliseconds. CPU is user+sys of the plane's process per second of one call.
With `--srtp SUITE` all calls are encrypted in both directions, by keys made for the run. With `--bridge`
there is no engine: every two calls are patched together, so that a round trip is the way from one caller to
the other, good to 1 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import json
import os
import resource
import subprocess
import sys
import time
from typing import Any

import msgspec
import structlog
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server

from bench.numbered_calls import HOST, Call, Generator, open_calls
from media import messages
from media.config import MediaConfig
from media.in_process import InProcessMediaPlane

FRAME_S = 0.020
WARM_UP_S = 2.0
# Phases with and without recording, and what is left out after each change.
PHASE_S, SETTLE_S = 2.0, 0.3


# --- the echo -----------------------------------------------------------------------------------------------


class Echo(WSListener):
    """Returns each binary frame at once."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.BINARY:
            transport.send(WSMsgType.BINARY, frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()


async def run_echo() -> None:
    server = await ws_create_server(lambda _: Echo(), HOST, 0)
    _tell({"port": server.sockets[0].getsockname()[1]})
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


# --- the plane ----------------------------------------------------------------------------------------------


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _resident_mb() -> float:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6


async def run_plane(arguments: argparse.Namespace) -> None:
    """Obeys lines of JSON: first the generator's ports, then `measure` twice, then the end."""
    loop = asyncio.get_running_loop()
    plane = InProcessMediaPlane(
        MediaConfig(
            bind_host=HOST,
            port_low=arguments.port_low,
            port_high=arguments.port_low + 4000,
            slot_ms=arguments.slot_ms,
        ),
        own_loop=True,  # as in a media worker
    )
    await plane.start()
    gc.freeze()
    empty_mb = _resident_mb()
    opened = 0
    all_open = asyncio.Event()

    def heard(event: messages.Event) -> None:
        nonlocal opened
        if isinstance(event, messages.EngineOpened):
            opened += 1
            if opened == arguments.calls:
                all_open.set()

    order = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    keys = msgspec.convert(order["keys"], messages.SrtpKeys | None)
    ports = []
    for number, remote in enumerate(order["ports"]):
        leg_id = str(number)
        created = await plane.create_leg(messages.CreateLeg(leg_id=leg_id, call_id=leg_id), heard)
        ports.append(created.port)
        plane.send(
            messages.NegotiateLeg(
                leg_id=leg_id,
                remote_host=HOST,
                remote_port=remote,
                remote_rtcp_port=remote + 1,
                codec="PCMU",
                clock_rate=8000,
                payload_type=0,
                telephone_event_payload_type=101,
                srtp=keys,
            )
        )
        plane.send(messages.OpenGate(leg_id=leg_id))
        if not arguments.bridge:
            plane.send(messages.AttachEngine(leg_id=leg_id, join_url=order["join_url"], sample_rate=8000))
        elif number % 2:
            first = str(number - 1)
            plane.send(messages.Patch(leg_id=first, other_leg_id=leg_id, mode=messages.PatchMode.BRIDGE))
        if arguments.amd:
            # Listens to the end of the run: what it looks for does not come.
            plane.send(messages.StartAmd(leg_id=leg_id, decide_ms=600_000, listen_ms=600_000))
        if number % 20 == 19:
            await asyncio.sleep(0.02)
    if not arguments.bridge:
        await all_open.wait()
    gc.collect()
    gc.freeze()
    _tell({"ports": ports})
    await loop.run_in_executor(None, sys.stdin.readline)
    cpu = _cpu_s()
    switches = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
    end = loop.run_in_executor(None, sys.stdin.readline)
    recording = await _alternate_recording(plane, ports, arguments.record, end) if arguments.record else {}
    await end
    statistics = [await plane.statistics(str(number)) for number in range(len(ports))]
    _tell(
        {
            "cpu_s": _cpu_s() - cpu,
            "wake_ups": resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - switches,
            "memory_mb": _resident_mb() - empty_mb,
            "concealed": sum(leg.frames_concealed for leg in statistics),
            "late": sum(leg.packets_late for leg in statistics),
            "underruns": sum(leg.playout_underruns for leg in statistics),
            "undecryptable": sum(leg.packets_undecryptable for leg in statistics),
            "jitter_ms": round(max(leg.jitter_ms for leg in statistics), 3),
            "max_lateness_ms": plane.plane_statistics().max_lateness_ms,
            **recording,
        }
    )
    await plane.close()


async def _alternate_recording(
    plane: InProcessMediaPlane, ports: list[int], directory: str, end: asyncio.Future[str]
) -> dict[str, float]:
    """Record all legs, then none, in turn until `end`: what disturbs the machine meets both alike."""
    spent = {True: [0.0, 0.0], False: [0.0, 0.0]}  # processor seconds, seconds
    on = False
    while not end.done():
        on = not on
        for number in range(len(ports)):
            leg_id = str(number)
            plane.send(
                messages.StartRecording(leg_id=leg_id, path=f"{directory}/{leg_id}.wav")
                if on
                else messages.StopRecording(leg_id=leg_id)
            )
        await asyncio.sleep(SETTLE_S)
        cpu, begun = _cpu_s(), time.monotonic()
        await asyncio.wait([end], timeout=PHASE_S)
        if not end.done():
            spent[on][0] += _cpu_s() - cpu
            spent[on][1] += time.monotonic() - begun
    with_recording, without = (
        cpu_s * 1000 / max(seconds, 0.001) / len(ports) for cpu_s, seconds in (spent[True], spent[False])
    )
    return {
        "recording_on_cpu_ms_per_call_second": round(with_recording, 3),
        "recording_off_cpu_ms_per_call_second": round(without, 3),
    }


# --- what came of it ----------------------------------------------------------------------------------------


def _percentile(values: list[float], percent: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * percent / 100))] if values else float("nan")


def _summary(calls: list[Call], start: float, end: float, seconds: float) -> dict[str, Any]:
    deviations: list[float] = []
    round_trips: list[float] = []
    rates: list[float] = []
    lost = 0
    for call in calls:
        arrivals = [arrival for arrival in call.arrivals if start <= arrival < end]
        rates.append(len(arrivals) / seconds)
        deviations += [abs(after - before - FRAME_S) * 1000 for before, after in itertools.pairwise(arrivals)]
        round_trips += [trip * 1000 for sent, trip in call.round_trips if start <= sent < end]
        lost += sum(1 for sent in call.sent_at.values() if start <= sent < end - 0.5)
    first_half = [t * 1000 for c in calls for s, t in c.round_trips if start <= s < (start + end) / 2]
    last_half = [t * 1000 for c in calls for s, t in c.round_trips if (start + end) / 2 <= s < end]
    return {
        "packets_per_second_per_call": round(sum(rates) / len(rates), 2),
        "lowest_packets_per_second": round(min(rates), 2),
        "spacing_deviation_p50_ms": round(_percentile(deviations, 50), 3),
        "spacing_deviation_p99_ms": round(_percentile(deviations, 99), 3),
        "spacing_deviation_max_ms": round(max(deviations, default=float("nan")), 3),
        "round_trip_p50_ms": round(_percentile(round_trips, 50), 2),
        "round_trip_p99_ms": round(_percentile(round_trips, 99), 2),
        "round_trip_p50_first_half_ms": round(_percentile(first_half, 50), 2),
        "round_trip_p50_last_half_ms": round(_percentile(last_half, 50), 2),
        "frames_lost": lost,
    }


# --- putting it together ------------------------------------------------------------------------------------


def _make_keys(suite: str | None) -> messages.SrtpKeys | None:
    if suite is None:
        return None
    chosen = messages.SrtpSuite(suite)
    send, receive = os.urandom(chosen.key_bytes), os.urandom(chosen.key_bytes)
    return messages.SrtpKeys(suite=chosen, send=send, receive=receive)


def _tell(value: dict[str, Any]) -> None:
    print(json.dumps(value), flush=True)


def _start(role: str, arguments: argparse.Namespace) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "ignore", "-m", "bench.media_loop", "--role", role]
    for name in ("calls", "port_low", "slot_ms", "record"):
        value = getattr(arguments, name)
        if value is not None:
            command += [f"--{name.replace('_', '-')}", str(value)]
    command += [f"--{name}" for name in ("amd", "bridge") if getattr(arguments, name)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _order(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def _answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    answer: dict[str, Any] = json.loads(process.stdout.readline())
    return answer


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """One run; the result as a plain dictionary."""
    keys = _make_keys(arguments.srtp)
    calls = open_calls(arguments.calls, keys)
    echo, plane = _start("echo", arguments), _start("plane", arguments)
    try:
        join_url = f"ws://{HOST}:{_answer(echo)['port']}/echo"
        ports = [call.socket.getsockname()[1] for call in calls]
        _order(plane, json.dumps({"ports": ports, "join_url": join_url, "keys": msgspec.to_builtins(keys)}))
        for call, port in zip(calls, _answer(plane)["ports"], strict=True):
            call.port = port
        generator = Generator(calls)
        gc.disable()
        generator.run(WARM_UP_S)
        _order(plane, "measure")
        start = time.time()
        generator.run(arguments.seconds)
        end = time.time()
        _order(plane, "measure")
        generator.run(0.5)
        measured = _answer(plane)
    finally:
        for process in (plane, echo):
            if process.stdin is not None:
                process.stdin.close()
            process.wait(20)
    call_seconds = arguments.calls * arguments.seconds
    return {
        "calls": arguments.calls,
        "seconds": arguments.seconds,
        "srtp": arguments.srtp,
        "bridge": arguments.bridge,
        "cpu_ms_per_call_second": round(measured.pop("cpu_s") * 1000 / call_seconds, 3),
        "wake_ups_per_second": round(measured.pop("wake_ups") / arguments.seconds),
        "memory_mb_per_call": round(measured.pop("memory_mb") / arguments.calls, 3),
        **_summary(calls, start, end, arguments.seconds),
        **measured,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="bench.media_loop", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--slot-ms", type=int, default=MediaConfig().slot_ms)
    parser.add_argument("--port-low", type=int, default=22_000)
    parser.add_argument("--srtp", choices=[suite.value for suite in messages.SrtpSuite])
    parser.add_argument(
        "--amd", action="store_true", help="listen for an answering machine on every call, all the time"
    )
    parser.add_argument("--bridge", action="store_true", help="patch every two calls together, no engine")
    parser.add_argument("--record", help="directory for recordings, made in every other phase of the run")
    parser.add_argument(
        "--role", choices=("generator", "plane", "echo"), default="generator", help=argparse.SUPPRESS
    )
    arguments = parser.parse_args()
    if arguments.role == "generator":
        _tell(measure(arguments))
        return
    # Standard output is for the answers; warnings of the plane go beside it.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    uvloop.run(run_echo() if arguments.role == "echo" else run_plane(arguments))


if __name__ == "__main__":
    main()
