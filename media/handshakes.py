"""The DTLS handshakes of a media plane: one certificate for all, and one step at a time.

A step of a handshake takes up to a millisecond of processor time (signatures), and when many calls come at
once their steps would add up to a late tick. So they wait in line, and between two ticks one is done.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import structlog

from media.dtls import DtlsContext
from media.dtls_certificate import DtlsCertificate

log = structlog.get_logger(__name__)

Step = Callable[[float], None]


class Handshakes:
    """What the legs of a plane share for DTLS. Whoever submits bounds what he submits."""

    def __init__(self, context: DtlsContext) -> None:
        self.context = context
        self._waiting: deque[Step] = deque()

    @classmethod
    def prepare(cls) -> Handshakes:
        """With a new certificate. Takes some ten milliseconds: to be called before there are calls."""
        return cls(DtlsContext(DtlsCertificate.generate()))

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as SDP spells it."""
        return self.context.fingerprint

    def submit(self, step: Step) -> None:
        """Have `step` called with the time, soon."""
        self._waiting.append(step)

    def step(self, now: float) -> None:
        """Do what has waited longest. `now` is monotonic seconds. What fails is one call's: it runs into its
        time limit, and the others go on.
        """
        if not self._waiting:
            return
        try:
            self._waiting.popleft()(now)
        except Exception:
            log.exception("handshake_step_failed")
