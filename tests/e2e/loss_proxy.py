"""A network that loses packets: stands between SIP peers on UDP and drops a share of what passes, each way.

Every peer that sends to the proxy gets a socket of its own towards the target, as a NAT would do, so that
answers find back.
"""

from __future__ import annotations

import random
import selectors
import socket
import threading
from types import TracebackType
from typing import Self


class LossProxy:
    """Forwards UDP between whoever sends to `address` and `target`; the losses follow from `seed`."""

    def __init__(self, target: str, loss: float, seed: int = 1) -> None:
        """`target` is host:port, `loss` the share of datagrams dropped in each direction (0..1)."""
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
            for key, _ in self._selector.select(0.1):
                source = key.fileobj
                assert isinstance(source, socket.socket)
                self._forward(source, key.data)

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
            try:
                if peer is None:
                    self._towards_target(sender).sendto(data, self._target)
                else:
                    self._front.sendto(data, peer)
            except OSError:
                self.dropped += 1

    def _towards_target(self, peer: tuple[str, int]) -> socket.socket:
        back = self._back.get(peer)
        if back is None:
            back = self._back[peer] = self._open()
            back.bind(("127.0.0.1", 0))
            self._selector.register(back, selectors.EVENT_READ, peer)
        return back
