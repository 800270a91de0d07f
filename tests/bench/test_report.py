"""What a benchmark prints and keeps."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bench.analysis import AudioFigures, Spread
from bench.call_setup import SetupRun
from bench.conditions import Conditions
from bench.load_generator import LoadResult
from bench.media_run import MediaRun
from bench.report import Report, to_text, write_json
from bench.signalling_run import SignallingRun

AUDIO = AudioFigures(
    packets_per_second=50.0,
    packets_per_second_worst=49.95,
    packets_lost=7,
    packets_out_of_order=0,
    spacing_deviation_ms=Spread(0.2, 1.0, 3.456, 8.0, 1000),
    round_trip_ms=Spread(41.5, 50.0, 55.25, 60.0, 100),
    round_trip_first_third_ms=41.0,
    round_trip_last_third_ms=41.5,
    round_trip_drift_ms=0.5,
    marks_sent=100,
    marks_lost=1,
    calls_without_audio=0,
)


def media(calls: int, audio: AudioFigures | None) -> MediaRun:
    return MediaRun(
        calls=calls,
        cpu_ms_per_call_second=0.876,
        calls_per_core=1141,
        engine_cpu_ms_per_call_second=0.7,
        memory_mb_per_call=0.123,
        gateway_rss_mb=120.0,
        gateway_processes=1,
        other_cores=0.05,
        load=LoadResult(
            calls_asked=calls,
            calls_up=calls if audio else 0,
            calls_refused={} if audio else {"503": calls},
            calls_hung_up_by_peer=0,
            window_s=20.0,
            setup_ms=Spread(5.0, 8.0, 9.0, 10.0, calls),
            audio=audio,
            generator_lateness_ms=None,
            generator_cpu_ms_per_call_second=0.4,
        ),
    )


REPORT = Report(
    date="2026-01-05T10:00:00Z",
    conditions=Conditions(
        cpu_model="Some CPU",
        cores=2,
        memory_gib=23.5,
        kernel="6.18",
        python="3.11.7",
        uvloop="0.22",
        picows="2.3",
        load_average=(0.1, 0.2, 0.3),
    ),
    media=[media(50, AUDIO), media(200, None)],
    signalling=[
        SignallingRun(
            calls=1500,
            failed=2,
            retransmissions=3,
            rate=100.0,
            cpu_ms_per_call=2.5,
            calls_per_cpu_second=400,
            engine_cpu_ms_per_call=1.0,
            setup_ms=Spread(4.0, 6.0, 12.0, 20.0, 1500),
            trace=False,
        )
    ],
    setup=[
        SetupRun(
            transport="tls",
            calls=200,
            failed=1,
            rate=10.0,
            ringing_ms=None,
            answer_ms=Spread(15.0, 20.0, 66.5, 70.0, 199),
            load_average=3.2,
        )
    ],
)


def row(text: str, name: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if line.strip().startswith(name)]
    return line.strip()[len(name) :].split()


def test_table_has_a_column_for_each_run() -> None:
    text = to_text(REPORT)
    assert row(text, "simultaneous calls") == ["50", "200"]
    assert row(text, "CPU ms per call-second") == ["0.876", "0.876"]
    assert row(text, "packets lost") == ["7", "-"]
    assert row(text, "round trip ms, p50 / p99") == ["41.50", "/", "55.25", "-"]
    assert row(text, "last third - first third") == ["+0.50", "-"]
    assert row(text, "calls per CPU-second") == ["400"]
    assert row(text, "SIP messages kept") == ["no"]
    assert row(text, "transport") == ["tls"]
    assert row(text, "INVITE to 180 ms, p50 / p99") == ["-"]
    assert row(text, "INVITE to 200 ms, p50 / p99") == ["15.00", "/", "66.50"]
    assert row(text, "load before") == ["3.2"]
    assert "Some CPU, 2 cores" in text


def test_part_that_was_not_measured_has_no_table() -> None:
    text = to_text(msgspec.structs.replace(REPORT, media=[]))
    assert "simultaneous calls" not in text
    assert "calls per CPU-second" in text


def test_json_is_kept_under_its_date_and_reads_back(tmp_path: Path) -> None:
    path = write_json(REPORT, tmp_path / "results")
    assert path.name == "2026-01-05T100000Z.json"
    assert msgspec.json.decode(path.read_bytes(), type=Report) == REPORT
