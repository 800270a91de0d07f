"""A carrier that signs calls, written from RFC 8224 and RFC 8225 apart from the product's own code."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.support.certificates import Pair


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def identity(pair: Pair, url: str, claims: dict[str, Any], **header: Any) -> str:
    """An Identity header."""
    first = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": url} | header
    first = {name: value for name, value in first.items() if value is not None}
    signed = f"{encoded(json.dumps(first).encode())}.{encoded(json.dumps(claims).encode())}"
    key = load_pem_private_key(pair.private_key.encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    token = f"{signed}.{encoded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"
    return f'{token};info=<{url}>;alg=ES256;ppt="shaken"'


def claims(*, caller: str, called: str, now: int, attest: str | None = "A") -> dict[str, Any]:
    made = {"dest": {"tn": [called]}, "iat": now, "orig": {"tn": caller}, "origid": "x"}
    return made if attest is None else made | {"attest": attest}


class Repository:
    """Publishes certificates: path -> body, or a status."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.bodies: dict[str, bytes | int] = {}
        self.asked: list[str] = []
        self.delay_s = 0.0

    def publish(self, path: str, body: str | bytes | int) -> str:
        self.bodies[path] = body.encode() if isinstance(body, str) else body
        return f"{self.base}{path}"


@contextmanager
def repository() -> Iterator[Repository]:
    """A web server of certificates on loopback."""
    made = Repository("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            if made.delay_s:
                released.wait(made.delay_s)
            body = made.bodies.get(self.path, 404)
            if isinstance(body, int):
                self.send_response(body)
                self.send_header("Location", "/other")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            return

    released = Event()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.base = f"http://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield made
        finally:
            released.set()
            server.shutdown()
            thread.join()
