"""The capture file, opened by tshark: its own dissectors say what they find."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from gateway.signalling.capture_file import capture_file
from gateway.signalling.redaction import redact
from gateway.signalling.trace_ring import TracedMessage
from tests.gateway.signalling.messages import HERE, PEER, sip, traced

V6_PEER, V6_HERE = ("2001:db8::7", 5061), ("2001:db8::1", 5060)
SECRET = "0123456789abcdef0123456789abcdef"
CREDENTIALS = f'Digest username="u", realm="r", nonce="n", uri="sip:b@h", response="{SECRET}"'


def dissected(messages: list[TracedMessage], directory: Path) -> list[dict[str, Any]]:
    """One dictionary of fields for each packet in which tshark finds SIP."""
    assert shutil.which("tshark"), "tshark is not installed: run tests/install_system_packages.sh"
    path = directory / "call.pcap"
    path.write_bytes(capture_file(messages))
    fields = (
        "frame.time_epoch",
        "_ws.expert.message",
        "_ws.col.Protocol",
        "ip.src",
        "ipv6.src",
        "udp.srcport",
        "tcp.srcport",
        "sip.Method",
        "sip.Status-Code",
        "sip.Call-ID",
        "sip.auth.username",
        "sip.auth.digest.response",
        "sip.Content-Length",
        "tcp.reassembled.length",
    )
    # Checksums are looked at too: a capture of ours has them right.
    command = ["tshark", "-n", "-r", str(path), "-Y", "sip", "-T", "json", "-o", "ip.check_checksum:TRUE"]
    command += ["-o", "udp.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE"]
    command += ["-d", "tcp.port==5061,sip", "-d", "udp.port==5061,sip"]
    for field in fields:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return [packet["_source"]["layers"] for packet in json.loads(done.stdout)]


def column(packets: list[dict[str, Any]], field: str) -> list[str | None]:
    return [packet[field][0] if field in packet else None for packet in packets]


def test_datagrams_of_both_families_are_read_as_sip_with_their_times(tmp_path: Path) -> None:
    answer = sip("SIP/2.0 200 OK")
    packets = dissected(
        [
            traced(sip(), 1_700_000_000.25),
            traced(answer, 1_700_000_000.5, sent=True),
            traced(sip(call_id="six"), 1_700_000_001.0, peer=V6_PEER, local=V6_HERE),
        ],
        tmp_path,
    )
    assert column(packets, "sip.Method") == ["INVITE", None, "INVITE"]
    assert column(packets, "sip.Status-Code") == [None, "200", None]
    assert column(packets, "ip.src") == [PEER[0], HERE[0], None]
    assert column(packets, "ipv6.src") == [None, None, V6_PEER[0]]
    assert column(packets, "udp.srcport") == [str(PEER[1]), str(HERE[1]), str(V6_PEER[1])]
    assert column(packets, "sip.Call-ID")[2] == "six"
    assert [float(str(at)) for at in column(packets, "frame.time_epoch")] == [
        1_700_000_000.25,
        1_700_000_000.5,
        1_700_000_001.0,
    ]
    assert not any("checksum" in str(packet).lower() for packet in packets)


def test_a_long_message_of_a_connection_is_put_together_and_no_credentials_are_in_it(
    tmp_path: Path,
) -> None:
    long = sip(headers=f"Authorization: {CREDENTIALS}\r\n", body="x" * 5000)
    assert SECRET.encode() in long
    messages = [
        traced(message, sent=sent, transport="tcp", peer=peer, local=local)
        for peer, local in ((PEER, HERE), (V6_PEER, V6_HERE))
        for sent, message in ((False, redact(long)), (True, sip("SIP/2.0 401 Unauthorized")))
    ]
    packets = dissected(messages, tmp_path)
    assert column(packets, "sip.Method") == ["INVITE", None] * 2
    assert column(packets, "sip.Status-Code") == [None, "401"] * 2
    assert column(packets, "tcp.srcport") == [str(end[1]) for end in (PEER, HERE, V6_PEER, V6_HERE)]
    assert column(packets, "sip.Content-Length")[::2] == ["5000"] * 2
    assert column(packets, "tcp.reassembled.length")[::2] == [str(len(redact(long)))] * 2
    assert column(packets, "sip.auth.username")[::2] == ['"u"'] * 2
    assert column(packets, "sip.auth.digest.response")[::2] == ["redacted"] * 2
    assert SECRET.encode() not in (tmp_path / "call.pcap").read_bytes()
