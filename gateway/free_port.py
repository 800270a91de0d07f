"""One free port number for UDP and TCP together, for a SIP address that was given with port 0."""

from __future__ import annotations

import socket

ATTEMPTS = 20


def free_sip_port(host: str) -> int:
    """A port that is free on `host` for both at this moment. Raises `OSError` when there is none."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for last in range(ATTEMPTS - 1, -1, -1):
        with (
            socket.socket(family, socket.SOCK_DGRAM) as datagrams,
            socket.socket(family, socket.SOCK_STREAM) as stream,
        ):
            datagrams.bind((host, 0))
            port: int = datagrams.getsockname()[1]
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                stream.bind((host, port))
            except OSError:
                if not last:
                    raise
            else:
                return port
    raise AssertionError("the last attempt returns or raises")
