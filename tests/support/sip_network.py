"""Several SIP endpoints on one simulated network with delay and loss, in virtual time: no sockets, no
waiting."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from random import Random

from sip.endpoint import Endpoint, OptionsReply
from sip.flow import Flow
from sip.incoming_call import IncomingCall
from sip.message import Request, Response
from sip.parser import parse_message
from sip.timers import Timing

LATE_S = 0.3


class NetworkFlow:
    """A datagram path between two endpoints of the network."""

    transport = "udp"
    reliable = False
    alive = True
    accepted = False

    def __init__(self, network: Network, local: tuple[str, int], peer: tuple[str, int]) -> None:
        self._network = network
        self._local = local
        self.host, self.port = peer
        self.local_authority = f"{local[0]}:{local[1]}"

    @property
    def carrier(self) -> object:
        return self

    def send(self, data: bytes, message: Request | Response | None) -> None:
        self._network.carry(data, self._local, (self.host, self.port))


class NetworkFlows:
    """Finds flows from one address of the network."""

    def __init__(self, network: Network, local: tuple[str, int]) -> None:
        self._network = network
        self._local = local

    def flow_for_large(self, flow: Flow) -> Flow | None:
        return None

    def next_hop(self, host: str, port: int, transport: str, fallback: Flow) -> Flow:
        return NetworkFlow(self._network, self._local, (host, port))


class Network:
    """Carries datagrams after `delay` seconds and loses each with probability `loss`; `duplicates` come
    twice, and `late` ones up to LATE_S later than those behind them. The seed makes runs repeat."""

    def __init__(
        self,
        *,
        loss: float = 0.0,
        delay: float = 0.02,
        seed: int = 1,
        duplicates: float = 0.0,
        late: float = 0.0,
    ) -> None:
        self.now = 0.0
        self.loss = loss
        self._duplicates = duplicates
        self._late = late
        self.duplicated = 0
        self.delayed = 0
        self.carried = 0
        self.lost = 0
        self._delay = delay
        self._random = Random(seed)
        self._sequence = 0
        self._flying: list[tuple[float, int, bytes, tuple[str, int], tuple[str, int]]] = []
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._endpoints: dict[tuple[str, int], Endpoint] = {}

    def add(
        self, host: str, on_invite: Callable[[IncomingCall], None], timing: Timing | None = None
    ) -> Endpoint:
        """An endpoint at `host`:5060."""
        address = (host, 5060)

        endpoint = Endpoint(
            timing=timing or Timing(),
            max_transactions=100_000,
            clock=lambda: self.now,
            flow_factory=NetworkFlows(self, address),
            on_invite=on_invite,
            on_options=lambda: OptionsReply(200),
        )
        self._endpoints[address] = endpoint
        return endpoint

    def flow(self, local: tuple[str, int], peer: tuple[str, int]) -> NetworkFlow:
        """The way from one to the other."""
        return NetworkFlow(self, local, peer)

    def carry(self, data: bytes, source: tuple[str, int], target: tuple[str, int]) -> None:
        """Put a datagram on the wire, or lose it."""
        self.carried += 1
        if self._random.random() < self.loss:
            self.lost += 1
            return
        copies = 1
        if self._duplicates and self._random.random() < self._duplicates:
            copies = 2
            self.duplicated += 1
        for _ in range(copies):
            arrives = self.now + self._delay
            if self._late and self._random.random() < self._late:
                arrives += self._random.uniform(0, LATE_S)
                self.delayed += 1
            self._sequence += 1
            heappush(self._flying, (arrives, self._sequence, data, source, target))

    def at(self, moment: float, action: Callable[[], None]) -> None:
        """Do something at `moment`."""
        self._sequence += 1
        heappush(self._agenda, (moment, self._sequence, action))

    def run(self, until: float) -> None:
        """Let everything happen in its order up to `until`."""
        while True:
            moments = [queue[0][0] for queue in (self._flying, self._agenda) if queue]
            deadlines = [endpoint.timers.next_deadline() for endpoint in self._endpoints.values()]
            moment = min([*moments, *(d for d in deadlines if d is not None)], default=until)
            if moment >= until:
                self.now = until
                return
            self.now = max(self.now, moment)
            while self._agenda and self._agenda[0][0] <= self.now:
                heappop(self._agenda)[2]()
            while self._flying and self._flying[0][0] <= self.now:
                _, _, data, source, target = heappop(self._flying)
                message = parse_message(data)
                self._endpoints[target].receive(message, self.flow(target, source), source, self.now)
            for endpoint in self._endpoints.values():
                endpoint.run_timers(self.now)
