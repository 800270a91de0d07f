"""An engine that costs little: the calls' REST in Python, used at set-up only, and the echo in C.

    python -m bench.echo_engine --program FILE [--tls DIRECTORY] [--marks FILE]

Prints `ready URL` when it listens and ends with its standard input; the marks that it heard are written then.
With `--tls` the sockets are `wss`, by a certificate that is made for the run and left in the directory as
`ca.pem`.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sys
from asyncio.subprocess import PIPE, Process
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import msgspec
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"


class HeardMark(msgspec.Struct, frozen=True):
    """A mark as it came to the engine in one call, the gateway's name of which is `call_id`."""

    call_id: str
    number: int
    heard_ns: int


class Calls:
    """As much of Ultravox's API as the gateway asks for in a call."""

    def __init__(self, join_base: str) -> None:
        self._join_base = join_base
        self._numbers = itertools.count(1)

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/api/accounts/me", self._account)
        app.router.add_get("/api/voices/{id}", self._voice)
        app.router.add_post("/api/agents", self._new_agent)
        app.router.add_post("/api/calls", self._new_call)
        app.router.add_get("/api/calls/{id}", self._call)
        return app

    async def _account(self, request: web.Request) -> web.Response:
        return web.json_response({"name": "bench"})

    async def _voice(self, request: web.Request) -> web.Response:
        return web.json_response({"voiceId": request.match_info["id"], "name": "bench"})

    async def _new_agent(self, request: web.Request) -> web.Response:
        body = await request.json()
        return web.json_response(
            {"agentId": f"agent-{next(self._numbers)}", "name": body["name"]}, status=201
        )

    async def _new_call(self, request: web.Request) -> web.Response:
        body = await request.json()
        ours = body.get("metadata", {}).get("call_id", "")
        call = {"callId": f"call-{next(self._numbers)}", "joinUrl": f"{self._join_base}/{ours}"}
        return web.json_response(call, status=201)

    async def _call(self, request: web.Request) -> web.Response:
        now = datetime.now(UTC).isoformat()
        return web.json_response({"callId": request.match_info["id"], "ended": now, "endReason": "hangup"})


def make_certificate(directory: Path) -> tuple[Path, Path]:
    """A certificate for this host that is its own authority; the files of it and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, key_pem = directory / "ca.pem", directory / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return pem, key_pem


def parse_marks(output: str) -> list[HeardMark]:
    """From what the C program prints in the end."""
    marks = []
    for line in output.splitlines():
        fields = line.split()
        if len(fields) == 4 and fields[0] == "mark":
            marks.append(HeardMark(fields[1].rpartition("/")[2], int(fields[2]), int(fields[3])))
    return marks


async def serve(options: argparse.Namespace) -> None:
    files = () if options.tls is None else make_certificate(options.tls)
    echo = await asyncio.create_subprocess_exec(options.program, *map(str, files), stdin=PIPE, stdout=PIPE)
    assert echo.stdout is not None
    port = int((await echo.stdout.readline()).split()[1])
    scheme = "ws" if options.tls is None else "wss"
    application = Calls(f"{scheme}://{HOST}:{port}").application()
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0, backlog=1024).start()
    print(f"ready http://{HOST}:{runner.addresses[0][1]}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()
    await _finish(echo, options.marks)


async def _finish(echo: Process, marks: Path | None) -> None:
    output, _ = await echo.communicate(b"")  # closes its standard input
    if marks is not None:
        heard = msgspec.json.encode(parse_marks(output.decode()))
        await asyncio.to_thread(marks.write_bytes, heard)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.echo_engine", description="An engine that returns audio.")
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--tls", type=Path, metavar="DIRECTORY")
    parser.add_argument("--marks", type=Path, metavar="FILE")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
