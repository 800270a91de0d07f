"""A network that loses, doubles and reorders packets: stands between SIP peers on UDP and does that to a
share of what passes, each way.

Every peer that sends to the proxy gets a socket of its own towards the target, as a NAT would do, so that
answers find back.
"""

from __future__ import annotations

import heapq
import random
import selectors
import socket
import threading
import time
from types import TracebackType
from typing import Self

LATE_S = 0.05


class LossProxy:
    """Forwards UDP between whoever sends to `address` and `target`; what goes wrong follows from `seed`."""

    def __init__(
        self, target: str, loss: float, seed: int = 1, *, duplicates: float = 0.0, late: float = 0.0
    ) -> None:
        """`target` is host:port; `loss`, `duplicates` and `late` are shares of the datagrams each way (0..1)
        that are dropped, come twice, and come up to LATE_S after those behind them.
        """
        self._duplicates = duplicates
        self._late = late
        self.duplicated = 0
        self.delayed = 0
        self._held: list[tuple[float, int, bytes, socket.socket, tuple[str, int]]] = []
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self.loss = loss
        self._random = random.Random(seed)
        self._front = self._open()
        self._front.bind(("127.0.0.1", 0))
        self.address = "{}:{}".format(*self._front.getsockname())
        self.passed = 0
        self.dropped = 0
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._front, selectors.EVENT_READ, None)
        self._back: dict[tuple[str, int], socket.socket] = {}
        self._running = True
        self._thread = threading.Thread(target=self._run, name="loss-proxy", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._running = False
        self._thread.join(2)
        for back in self._back.values():
            back.close()
        self._front.close()
        self._selector.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @staticmethod
    def _open() -> socket.socket:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        opened.setblocking(False)
        return opened

    def _run(self) -> None:
        while self._running:
            for key, _ in self._selector.select(0.005 if self._held else 0.1):
                source = key.fileobj
                assert isinstance(source, socket.socket)
                self._forward(source, key.data)
            while self._held and self._held[0][0] <= time.monotonic():
                _, _, data, way, target = heapq.heappop(self._held)
                self._send(way, data, target)

    def _forward(self, source: socket.socket, peer: tuple[str, int] | None) -> None:
        """Pass on what waits at `source`: from a peer (None) to the target, or from the target to `peer`."""
        while True:
            try:
                data, sender = source.recvfrom(65536)
            except OSError:
                return
            if self._random.random() < self.loss:
                self.dropped += 1
                continue
            self.passed += 1
            way, target = (
                (self._towards_target(sender), self._target) if peer is None else (self._front, peer)
            )
            copies = 1
            if self._random.random() < self._duplicates:
                copies = 2
                self.duplicated += 1
            for _ in range(copies):
                if self._random.random() < self._late:
                    self.delayed += 1
                    moment = time.monotonic() + self._random.uniform(0, LATE_S)
                    heapq.heappush(self._held, (moment, self.delayed, data, way, target))
                else:
                    self._send(way, data, target)

    def _send(self, way: socket.socket, data: bytes, target: tuple[str, int]) -> None:
        try:
            way.sendto(data, target)
        except OSError:
            self.dropped += 1

    def _towards_target(self, peer: tuple[str, int]) -> socket.socket:
        back = self._back.get(peer)
        if back is None:
            back = self._back[peer] = self._open()
            back.bind(("127.0.0.1", 0))
            self._selector.register(back, selectors.EVENT_READ, peer)
        return back
