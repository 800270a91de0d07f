"""A name server on loopback: answers what a test puts into its zone, counts what it is asked."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import Counter
from types import TracebackType
from typing import Self

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset


class DnsServer:
    """Use as a context manager. `silent` makes it answer nothing."""

    def __init__(self, zone: dict[tuple[str, str], list[str]] | None = None, ttl: int = 300) -> None:
        """`zone` has the texts of the records by name (without the last dot) and type."""
        self.zone = zone or {}
        self.ttl = ttl
        self.silent = False
        self.asked: Counter[tuple[str, str]] = Counter()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.1)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def address(self) -> tuple[str, int]:
        host, port = self._socket.getsockname()
        return host, port

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(TimeoutError):
                data, source = self._socket.recvfrom(4096)
                query = dns.message.from_wire(data)
                question = query.question[0]
                name = question.name.to_text(omit_final_dot=True).lower()
                kind = dns.rdatatype.to_text(question.rdtype)
                self.asked[(name, kind)] += 1
                if not self.silent:
                    self._socket.sendto(self._answer(query, name, kind), source)

    def _answer(self, query: dns.message.Message, name: str, kind: str) -> bytes:
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA
        records = self.zone.get((name, kind))
        if records:
            owner = query.question[0].name
            response.answer.append(dns.rrset.from_text(owner, self.ttl, "IN", kind, *records))
        elif not any(known == name for known, _ in self.zone):
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response.to_wire()
