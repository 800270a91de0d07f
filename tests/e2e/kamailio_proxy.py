"""Runs the real `kamailio` with `kamailio.cfg`: a proxy of two hops that record their route, a registrar,
and a carrier that challenges."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.e2e.sipp_runner import free_udp_port

CONFIGURATION = Path(__file__).parent / "kamailio.cfg"
PASSWORD = "secret"


class Kamailio:
    """One Kamailio. Requests of ours go on to `callee`, those of others to whoever is registered, else to
    `gateway`. A context manager."""

    def __init__(
        self,
        directory: Path,
        *,
        gateway: str,
        callee: str = "127.0.0.1:9",
        challenge: int = 0,
        algorithm: str = "MD5",
        onward: str = "udp",
        nonce_expire: int = 300,
    ) -> None:
        """`challenge`: 401 or 407 to our requests; `onward`: the transport between the hops and to the
        gateway."""
        program = shutil.which("kamailio", path="/usr/sbin:/usr/bin:/bin")
        assert program, "kamailio is not installed: run tests/install_system_packages.sh"
        directory.mkdir(parents=True, exist_ok=True)
        outer = free_udp_port(4)
        self.address = f"127.0.0.1:{outer}"
        configuration = directory / "kamailio.cfg"
        configuration.write_text(
            CONFIGURATION.read_text().format(
                outer=outer,
                inner=outer + 2,
                gateway=gateway,
                callee=callee,
                challenge=challenge,
                algorithm=algorithm,
                onward=onward,
                nonce_expire=nonce_expire,
            )
        )
        self._lines: list[str] = []
        self._process = subprocess.Popen(
            [
                *(program, "-DD", "-E", "-m", "32", "-M", "4"),
                *("-f", str(configuration), "-w", str(directory), "-Y", str(directory)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self._wait_until_up()
        except BaseException:
            self.stop()
            raise

    @property
    def log(self) -> str:
        """What it has said."""
        return "\n".join(self._lines)

    def wait_for(self, text: str, seconds: float = 10) -> None:
        """Until it has said that."""
        limit = time.monotonic() + seconds
        while text not in self.log:
            assert time.monotonic() < limit, f"kamailio never said {text!r}\n{self.log}"
            time.sleep(0.02)

    def _wait_until_up(self) -> None:
        """Until it answers OPTIONS."""
        host, _, port = self.address.partition(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))
            probe.settimeout(0.1)
            own = f"{host}:{probe.getsockname()[1]}"
            limit = time.monotonic() + 10
            for attempt in itertools.count():
                assert time.monotonic() < limit, f"kamailio does not come up\n{self.log}"
                request = (
                    f"OPTIONS sip:{self.address} SIP/2.0\r\n"
                    f"Via: SIP/2.0/UDP {own};rport;branch=z9hG4bK{attempt}\r\n"
                    f"From: <sip:probe@{own}>;tag=p\r\nTo: <sip:{self.address}>\r\n"
                    f"Call-ID: probe-{attempt}\r\nCSeq: 1 OPTIONS\r\n"
                    "Max-Forwards: 5\r\nContent-Length: 0\r\n\r\n"
                )
                with contextlib.suppress(OSError):
                    probe.sendto(request.encode(), (host, int(port)))
                    if probe.recv(4096).startswith(b"SIP/2.0 200"):
                        return

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.append(line.rstrip())

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._reader.join(2)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            error.add_note(self.log[-8000:])
        self.stop()
