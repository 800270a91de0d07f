"""Drives the real `baresip`: its own configuration directory, commands and events over its control socket.

The phone plays a WAV file to the far end; its `sndfile` module writes what it hears into the directory.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.e2e.sipp_runner import free_udp_port

MODULE_PATHS = ("/usr/lib/baresip/modules", "/usr/lib64/baresip/modules", "/usr/local/lib/baresip/modules")

CONFIGURATION = """\
poll_method epoll
sip_listen {host}:{sip_port}
call_local_timeout 30
call_max_calls 2
audio_player aubridge,phone
audio_source aufile,{play}
audio_alert aubridge,alert
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
rtp_ports {rtp_low}-{rtp_high}
rtcp_mux {rtcp_mux}
jitter_buffer_delay 1-5
net_interface {address}
module_path {module_path}
module g711.so
module aufile.so
module aubridge.so
module sndfile.so
{more}snd_path {directory}
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control_port}
"""


class BaresipPhone:
    """One baresip with one account (`sip:USER@127.0.0.1:PORT`, no registrar). A context manager."""

    def __init__(
        self,
        directory: Path,
        play: Path,
        *,
        user: str = "+15557650002",
        auto_answer: bool = False,
        modules: tuple[str, ...] = (),
        account: str = "",
        rtcp_mux: bool = False,
        settings: str = "",
        address: str = "127.0.0.1",
        registrar: str | None = None,
    ) -> None:
        """`play` is a WAV file of 8 kHz, mono, 16 bit; `directory` must be this phone's alone. `modules` are
        loaded beside the usual ones, `account` holds parameters such as `;mediaenc=srtp`, and `settings` more
        lines of the configuration. With `registrar` (host:port) it registers there.
        """
        assert shutil.which("baresip"), "baresip is not installed: run tests/install_system_packages.sh"
        module_path = next((path for path in MODULE_PATHS if Path(path).is_dir()), None)
        assert module_path, "baresip's modules were not found"
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._host = f"[{address}]" if ":" in address else address
        self.port = free_udp_port(host=address)
        control_port = free_udp_port()
        rtp_low = free_udp_port(12, address)
        (directory / "config").write_text(
            CONFIGURATION.format(
                sip_port=self.port,
                host=self._host,
                address=address,
                control_port=control_port,
                rtp_low=rtp_low,
                rtcp_mux="yes" if rtcp_mux else "no",
                rtp_high=rtp_low + 10,
                module_path=module_path,
                more="".join(f"module {name}.so\n" for name in modules) + settings,
                play=play,
                directory=directory,
            )
        )
        mode = "auto" if auto_answer else "manual"
        (directory / "accounts").write_text(
            f"<sip:{user}@{registrar or f'{self._host}:{self.port}'}>;regint={120 if registrar else 0}"
            f";answermode={mode}{account}\n"
        )
        (directory / "contacts").write_text("")
        self._log = (directory / "baresip.log").open("wb")
        self._process = subprocess.Popen(
            ["baresip", "-6" if ":" in address else "-4", "-v", "-s", "-f", str(directory)],
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        try:
            self._control = self._connect(control_port)
        except BaseException:
            self.stop()
            raise
        self._buffer = b""
        self.events: list[dict[str, Any]] = []

    @property
    def address(self) -> str:
        """Where it receives SIP, as host:port."""
        return f"{self._host}:{self.port}"

    @property
    def heard(self) -> Path:
        """The WAV file of what the far end said; complete once the call is over."""
        files = sorted(self._directory.glob("dump-*-dec.wav"))
        assert files, f"baresip recorded nothing\n{self.log()}"
        return files[0]

    def command(self, command: str, parameters: str = "") -> None:
        message = json.dumps({"command": command, "params": parameters, "token": "test"}).encode()
        self._control.sendall(b"%d:%s," % (len(message), message))

    def dial(self, uri: str) -> None:
        self.command("dial", uri)

    def hang_up(self) -> None:
        self.command("hangup")

    def wait_for(self, kind: str, seconds: float = 10) -> dict[str, Any]:
        """The first event of that `type` (CALL_RINGING, CALL_ESTABLISHED, CALL_CLOSED, ...)."""
        limit = time.monotonic() + seconds
        while True:
            for event in self.events:
                if event.get("type") == kind:
                    return event
            left = limit - time.monotonic()
            if left <= 0:
                raise AssertionError(f"baresip: no {kind} within {seconds} s; {self.events}\n{self.log()}")
            self._receive(left)

    def log(self) -> str:
        """The end of its console output, the SIP trace included."""
        return (self._directory / "baresip.log").read_text(errors="replace")[-8000:]

    def stop(self) -> None:
        if hasattr(self, "_control"):
            self._control.close()
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            error.add_note(self.log())
        self.stop()

    def _connect(self, port: int) -> socket.socket:
        limit = time.monotonic() + 10
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port), timeout=1)
            except OSError:
                if time.monotonic() > limit or self._process.poll() is not None:
                    raise AssertionError(f"baresip did not start\n{self.log()}") from None
                time.sleep(0.02)

    def _receive(self, seconds: float) -> None:
        """Read what came (netstrings of JSON) into `events`."""
        self._control.settimeout(max(seconds, 0.01))
        try:
            data = self._control.recv(65536)
        except TimeoutError:
            return
        assert data, f"baresip closed its control socket\n{self.log()}"
        self._buffer += data
        while b":" in self._buffer:
            size, _, rest = self._buffer.partition(b":")
            length = int(size)
            if len(rest) < length + 1:
                return
            message = json.loads(rest[:length])
            self._buffer = rest[length + 1 :]
            if message.get("event"):
                self.events.append(message)
