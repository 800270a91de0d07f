"""Symmetric RTP: whom to listen and to send to, learnt from where packets really come (RFC 4961; RFC 7362,
latching).

The first source latches. While it lives, nobody else can take its place except the address that was
signalled. After a re-negotiation to another address the new one may take over at once, and an unknown one (a
phone behind NAT) as soon as the old source is quiet for a moment.

A leg that takes over a call in progress gets a port that another call's far party may still send to. Who was
there before the port was told to anybody is not its far party, and comes last.

Under ICE it is the checks that tell who belongs to the call (`confine`), and the far party's nomination where
to send; then an address in SDP means nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from media.messages import Symmetric

# What the socket calls an address: (host, port) for IPv4, (host, port, flow, scope) for IPv6.
Source: TypeAlias = tuple[Any, ...]

# How long after a re-negotiation the shorter silence is enough.
RENEGOTIATION_WINDOW_S = 5.0
# For so long packets still under way from the old address do not count as its return.
STRAGGLER_S = 1.0
# For so long after a moved call has agreed on its address, who was there before is not believed.
EARLY_S = 3.0
MAXIMUM_EARLY = 16


class Latch:
    """The source of one leg's packets. Times are monotonic seconds."""

    __slots__ = (
        "_early",
        "_early_until",
        "_is_valid",
        "_left",
        "_relatch_silence_s",
        "_renegotiated_at",
        "_signalled",
        "_silence_s",
        "_symmetric",
        "changes",
        "ever_heard",
        "last_heard",
        "last_stranger",
        "source",
        "strangers",
        "target",
    )

    def __init__(
        self,
        *,
        silence_s: float,
        relatch_silence_s: float,
        symmetric: Symmetric = Symmetric.AUTO,
        moved: bool = False,
    ) -> None:
        """`moved`: the call was somewhere else before."""
        self._early: set[Source] | None = set() if moved else None
        self._early_until = float("-inf")
        self._symmetric = symmetric
        self._silence_s = silence_s
        self._relatch_silence_s = relatch_silence_s
        self._signalled: tuple[str, int] | None = None
        self._renegotiated_at = float("-inf")
        self.last_heard = float("-inf")
        self._left: Source | None = None  # the source before a re-negotiation
        self._is_valid: Callable[[Source], bool] | None = None  # what the checks of ICE have found
        self.source: Source | None = None  # the latched one
        self.target: Source | None = None  # where to send: the latched source, else the signalled address
        self.ever_heard = False
        self.changes = 0
        self.strangers = 0
        self.last_stranger: Source | None = None

    def signalled(self, host: str, port: int, now: float) -> None:
        """The address of an offer or answer. The same address again changes nothing."""
        if self._signalled == (host, port):
            return
        if self._is_valid is not None:
            self._signalled = (host, port)
            return
        if self._signalled is None:
            self._early_until = now + EARLY_S
        else:
            self._renegotiated_at = now
            if self.source is not None and self.source[:2] != (host, port):
                self._left, self.source = self.source, None
        self._signalled = (host, port)
        if self._aims_at_signalled():
            self.target = self._signalled

    def _aims_at_signalled(self) -> bool:
        if self._symmetric is Symmetric.AUTO:
            return self.source is None
        return self._symmetric is Symmetric.NEVER

    def confine(self, is_valid: Callable[[Source], bool] | None) -> None:
        """From now on only sources count that ICE has checked, or again any. Nothing is sent until the far
        party nominates; a restart of ICE leaves the target as it is.
        """
        if is_valid is None:
            if self.source is not None and not self.is_signalled(self.source):
                self._left, self.source = self.source, None  # the old party, or this one behind NAT
            self.target = self._signalled if self._aims_at_signalled() else self.source
        elif self._is_valid is None:
            self._left = self.source = self.target = None
        self._is_valid = is_valid

    def nominated(self, target: Source | None) -> None:
        """Send there, which ICE has chosen; None: the far party has withdrawn its consent."""
        self.target = target

    def reachable_at(self, source: Source) -> None:
        """The far party has proved to be there, though no packet of audio has come yet."""
        if self.source is None and self._symmetric is not Symmetric.NEVER:
            self.target = source

    def came_early(self, source: Source) -> None:
        """A packet came before anything was agreed."""
        if self._early is not None and len(self._early) < MAXIMUM_EARLY:
            self._early.add(source)

    def heard(self, source: Source, now: float) -> bool:
        """A packet came from `source`: True when it belongs to the call, False for a stranger's.

        For the latched `source` itself it is enough to set `last_heard`.
        """
        if source == self.source:
            self.last_heard = now
            return True
        return self._other(source, now)

    def is_signalled(self, source: Source) -> bool:
        """Whether this is the address that offer or answer named."""
        return source[:2] == self._signalled

    def forget(self) -> None:
        """The latched source was nobody's of this call: the next one may be."""
        self.source = self._left = None
        self.target = self._signalled if self._aims_at_signalled() else None

    def _other(self, source: Source, now: float) -> bool:
        if self._is_valid is not None:
            return self._checked(source, now)
        if self._early is not None and self._is_of_another(source, now):
            return self._refuse(source)
        if self._symmetric is Symmetric.NEVER:
            return self._from_signalled_host(source, now)
        if source[:2] == self._signalled and self._symmetric is Symmetric.AUTO:
            return self._take(source, now)
        renegotiated = now - self._renegotiated_at
        if self._left is not None:
            if source == self._left:
                if renegotiated < STRAGGLER_S:
                    self.last_heard = now
                    return True
                return self._take(source, now)
            if now - self.last_heard >= self._relatch_silence_s:
                return self._take(source, now)
        elif self.source is None:
            return self._take(source, now)
        silence = self._relatch_silence_s if renegotiated < RENEGOTIATION_WINDOW_S else self._silence_s
        if self.source is not None and now - self.last_heard >= silence:
            return self._take(source, now)
        return self._refuse(source)

    def _is_of_another(self, source: Source, now: float) -> bool:
        if now >= self._early_until:
            self._early = None
            return False
        return self._early is not None and source in self._early and not self.is_signalled(source)

    def _from_signalled_host(self, source: Source, now: float) -> bool:
        """Without symmetric RTP: the far party may send from another port than it listens at, and our packets
        go to the latter.
        """
        if self._signalled is None or source[0] != self._signalled[0]:
            return self._refuse(source)
        self._take(source, now)
        self.target = self._signalled
        return True

    def _checked(self, source: Source, now: float) -> bool:
        """Under ICE: a source that was checked may come at any time, and does not move the target."""
        if self._is_valid is None or not self._is_valid(source):
            return self._refuse(source)
        target = self.target
        self._take(source, now)
        self.target = target
        return True

    def _refuse(self, source: Source) -> bool:
        self.strangers += 1
        self.last_stranger = source
        return False

    def _take(self, source: Source, now: float) -> bool:
        if self.source is not None or self._left is not None:
            self.changes += 1
        self.source = self.target = source
        self.ever_heard = True
        self._left = None
        self.last_heard = now
        return True
