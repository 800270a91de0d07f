"""`python -m bench`: measure the gateway on this machine.

Every step starts a fresh gateway with the local engine and stops it again; nothing but the loopback is used.
The whole takes about a minute and a half with the usual options.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench.browser_run import measure_browsers
from bench.call_setup import measure_setup
from bench.conditions import conditions
from bench.engine_process import NeedsCompiler
from bench.load_generator import CALLS_PER_SECOND
from bench.media_run import LoadFailed, MediaRun, measure_media, suffers
from bench.processes import StartError
from bench.report import Report, to_json, to_text, write_json
from bench.signalling_run import SippMissing, measure_signalling
from bench.variants import VARIANTS

MATRIX_CALLS = 50
SOAK_CALLS = 20
KNEE_STEPS = (100, 200, 300, 400, 500, 600, 700, 800)
RESULTS = Path(__file__).with_name("results")


def main() -> int:
    options = _options()
    # What was started is stopped on the way out, also when somebody ends us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    report = Report(
        date=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        conditions=conditions(),
        media=[],
        signalling=[],
    )
    try:
        if options.matrix:
            report.media.extend(_matrix(options))
        elif options.knee:
            report.media.extend(_knee(options))
        elif options.soak:
            _say(f"{SOAK_CALLS} calls for {options.soak:g} minutes ...")
            run = measure_media(SOAK_CALLS, options.soak * 60, native=options.native, watch_memory=True)
            report.media.append(run)
        elif options.only in (None, "media"):
            for calls in options.calls:
                wait = calls / CALLS_PER_SECOND + options.seconds
                # One after the other for each number of calls, so that a change of the machine meets all.
                for workers in options.workers:
                    with_workers = "" if workers is None else f", {workers} media workers"
                    _say(f"{calls} calls with audio{with_workers}, about {wait + 8:.0f} s ...")
                    report.media.append(
                        measure_media(calls, options.seconds, workers=workers, native=options.native)
                    )
        special = options.matrix or options.knee or options.soak
        if options.browsers and not special and options.only in (None, "browsers"):
            _say(f"{options.browsers} browsers with audio ...")
            report.browsers.append(measure_browsers(options.browsers, options.seconds, native=options.native))
        if not (options.matrix or options.knee or options.soak) and options.only in (None, "signalling"):
            _say(f"{options.short_calls} short calls, {options.rate:g} a second ...")
            report.signalling.append(measure_signalling(options.short_calls, options.rate))
        if options.only == "setup":
            for turn in range(options.rounds):
                _say(f"round {turn + 1}: {options.setup_calls} calls over each of UDP, TCP, TLS ...")
                report.setup.extend(measure_setup(options.setup_calls, options.setup_rate))
        if options.only == "trace":
            for turn in range(options.rounds):
                for trace in (True, False):
                    _say(f"round {turn + 1}: SIP messages are {'' if trace else 'not '}kept ...")
                    report.signalling.append(
                        measure_signalling(options.short_calls, options.rate, trace=trace)
                    )
    except (LoadFailed, SippMissing, StartError) as error:
        _say(str(error))
        return 1
    path = write_json(report, options.results)
    if not options.json:
        sys.stdout.write(to_text(report) + "\n\n")
    sys.stdout.write(to_json(report).decode() + "\n")
    _say(f"written to {path}")
    return 0


def _matrix(options: argparse.Namespace) -> Iterator[MediaRun]:
    """All variants in turn, and that so many times, so that a change of the machine meets all alike."""
    for turn in range(options.rounds):
        for variant in VARIANTS.values():
            _say(f"round {turn + 1}: {variant.name}, {MATRIX_CALLS} calls ...")
            try:
                yield measure_media(MATRIX_CALLS, options.seconds, variant=variant, native=options.native)
            except NeedsCompiler as error:
                _say(str(error))


def _knee(options: argparse.Namespace) -> Iterator[MediaRun]:
    """More and more calls until audio suffers."""
    for calls in KNEE_STEPS:
        _say(f"{calls} calls ...")
        run = measure_media(calls, options.seconds, native=options.native)
        yield run
        if suffers(run):
            _say(f"the audio of {calls} calls suffers")
            return
    _say(f"no limit found up to {KNEE_STEPS[-1]} calls: that is a floor")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure the gateway on this machine."
    )
    parser.add_argument("--calls", type=_numbers, default=(50, 100, 200), metavar="N,N,...")
    parser.add_argument("--seconds", type=float, default=20.0, help="steady time of each step (default 20)")
    parser.add_argument(
        "--workers",
        type=_worker_counts,
        default=(None,),
        metavar="N,N,...",
        help="media workers to compare, 0 = in the gateway's process (default: the gateway's)",
    )
    parser.add_argument(
        "--matrix", action="store_true", help="codecs, SRTP, TLS, recording and workers against the plain run"
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=2,
        choices=range(1, 11),
        help="of the matrix, setup and trace (default 2)",
    )
    parser.add_argument(
        "--native",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="generator and engine in C where there is a compiler (default)",
    )
    parser.add_argument("--knee", action="store_true", help="more and more calls until audio suffers")
    parser.add_argument(
        "--soak",
        type=_minutes,
        metavar="MINUTES",
        help=f"{SOAK_CALLS} calls for so long (1 to 120): does the gateway's memory grow?",
    )
    parser.add_argument("--only", choices=("media", "signalling", "browsers", "setup", "trace"))
    parser.add_argument(
        "--browsers", type=int, default=50, choices=range(501), metavar="N", help="at once (default 50)"
    )
    parser.add_argument("--short-calls", type=int, default=1500, help="calls without audio (default 1500)")
    parser.add_argument("--rate", type=float, default=100.0, help="of these, begun per second (default 100)")
    parser.add_argument("--setup-calls", type=int, default=200, help="for each transport (default 200)")
    parser.add_argument(
        "--setup-rate", type=float, default=10.0, help="of these, begun per second (default 10)"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR", help="where the JSON is kept")
    parser.add_argument("--json", action="store_true", help="print JSON alone, without the tables")
    return parser.parse_args()


def _minutes(text: str) -> float:
    minutes = float(text)
    if not 1 <= minutes <= 120:
        raise argparse.ArgumentTypeError("from 1 to 120 minutes")
    return minutes


def _numbers(text: str) -> tuple[int, ...]:
    numbers = tuple(int(part) for part in text.split(","))
    if not all(0 < number <= 2000 for number in numbers):
        raise argparse.ArgumentTypeError("each number of calls is from 1 to 2000")
    return numbers


def _worker_counts(text: str) -> tuple[int, ...]:
    numbers = tuple(int(part) for part in text.split(","))
    if not all(0 <= number <= 64 for number in numbers):
        raise argparse.ArgumentTypeError("each number of media workers is from 0 to 64")
    return numbers


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
