"""What comes on a port beside RTP and RTCP (RFC 7983): the checks of ICE and the handshake of DTLS-SRTP.

Where RTCP has a port of its own, that is a component of ICE and an association of DTLS of its own too. Checks
decide which addresses belong to the call, the handshake gives SRTP its keys; until it has, no audio goes
either way. Audio itself does not come through here.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable
from typing import Protocol

from media import stun
from media.dtls import DtlsEndpoint, DtlsState, is_dtls
from media.handshakes import Handshakes
from media.ice_lite import CONSENT_S, IceLite
from media.latching import Latch, Source
from media.messages import DtlsParameters, IceParameters, NegotiateLeg, SrtpKeys

# Datagrams of one leg that wait for their turn, or for the answer that says whose they are: two flights.
MAX_WAITING = 8


class Keyed(Protocol):
    """What gets the keys."""

    held: bool

    def hold(self) -> None:
        """Let nothing through until there are keys."""

    def set_keys(self, keys: SrtpKeys | None) -> None:
        """Encrypt by these; None: not at all."""


class LegTransport:
    """ICE and DTLS of one port. `now` is monotonic seconds everywhere.

    `ended` is told how a handshake ended: by nothing when there are keys, else by the reason.
    """

    __slots__ = (
        "_active",
        "_closed",
        "_dtls",
        "_dtls_latch",
        "_due_at",
        "_ended",
        "_fingerprints",
        "_handshakes",
        "_latch",
        "_negotiated",
        "_parameters",
        "_rejected",
        "_security",
        "_send_to",
        "_source",
        "_stands_since",
        "_submitted",
        "_timeout_s",
        "_waiting",
        "dtls_malformed",
        "failure",
        "ice",
        "send_errors",
        "strangers",
    )

    def __init__(
        self,
        sock: socket.socket,
        latch: Latch,
        dtls_latch: Latch,
        security: Keyed,
        handshakes: Handshakes | None,
        timeout_s: float,
        ended: Callable[[str | None, float], None],
    ) -> None:
        """`dtls_latch` learns where the handshake comes from, which may be told before any audio comes."""
        self._send_to = sock.sendto
        self._latch = latch
        self._dtls_latch = dtls_latch
        self._security = security
        self._handshakes = handshakes
        self._timeout_s = timeout_s
        self._ended = ended
        self._dtls: DtlsEndpoint | None = None
        self._fingerprints: frozenset[tuple[str, str]] | None = None
        self._active = False
        self._parameters: DtlsParameters | None = None
        self._rejected: str | None = None  # why a handshake of somebody unknown came to nothing
        self._negotiated = False
        self._waiting: deque[tuple[bytes, Source]] = deque()
        self._submitted = False
        self._source: Source | None = None  # where the handshake's last datagram came from
        self._stands_since: float | None = None
        self._due_at: float | None = None  # when the handshake has to be over
        self._closed = False
        self.ice: IceLite | None = None
        self.failure: str | None = None
        self.dtls_malformed = 0
        self.send_errors = 0
        self.strangers = 0  # handshakes of somebody else

    @property
    def ready(self) -> bool:
        """Whether audio may flow: nothing is to be agreed on the media path, or it is agreed."""
        return not self._security.held

    @property
    def reachable(self) -> bool:
        """Whether what is sent now would arrive and be understood: also ICE has found its path."""
        return self.ready and self._latch.target is not None

    @property
    def checks_refused(self) -> int:
        """Checks of ICE by somebody who does not know the password."""
        return self.ice.refused if self.ice is not None else 0

    # --- what is negotiated ---

    def signalled(self, host: str, port: int, now: float) -> None:
        """The far party's address as its SDP names it."""
        self._dtls_latch.signalled(host, port, now)

    def negotiate(self, settled: NegotiateLeg, now: float) -> None:
        """Take what offer and answer settled. Raises `ValueError` when this plane cannot do DTLS, and for a
        key that is not of its suite.
        """
        self._negotiated = True
        self._set_ice(settled.ice)
        if settled.dtls is None:
            self._end_association()
            self._fingerprints = None
            self._waiting.clear()
            self._security.set_keys(settled.srtp)
            return
        if self._handshakes is None:
            raise ValueError("DTLS-SRTP is not available here")
        self._set_dtls(settled.dtls, now)

    def _set_ice(self, parameters: IceParameters | None) -> None:
        if parameters is None:
            if self.ice is not None:
                self.ice = None
                self._latch.confine(None)
        elif self.ice is None or self.ice.parameters != parameters:
            # Another user name is a restart: what was checked before counts no more.
            self.ice = IceLite(parameters)
            self._latch.confine(self.ice.is_valid)

    def _set_dtls(self, parameters: DtlsParameters, now: float) -> None:
        fingerprints = frozenset((name.lower(), value.upper()) for name, value in parameters.fingerprints)
        if fingerprints == self._fingerprints:
            return  # the same party: its association goes on, whatever else has changed
        self._end_association()
        self._fingerprints = fingerprints
        self._active = parameters.active
        self.failure = self._rejected = None
        self._security.hold()
        if self._stands_since is not None:
            self._due_at = now + self._timeout_s
        self._begin(parameters, now)

    def _begin(self, parameters: DtlsParameters, now: float) -> None:
        assert self._handshakes is not None
        self._parameters = parameters
        self._source = None
        if parameters.active:
            self._waiting.clear()  # what came before we said anything answers nothing
        self._dtls = DtlsEndpoint(self._handshakes.context, parameters, now)
        if self._waiting:
            self._submit()
        self._send_outgoing()

    def _end_association(self) -> None:
        if self._dtls is not None:
            self._dtls.close()
            self._send_outgoing()
            self._dtls = None

    def call_stands(self, now: float) -> None:
        """The call is answered: from now on an unfinished handshake has a time limit."""
        if self._stands_since is None:
            self._stands_since = now
            if self._pending:
                self._due_at = now + self._timeout_s

    @property
    def _pending(self) -> bool:
        return self._dtls is not None and self._dtls.state is DtlsState.HANDSHAKE

    @property
    def _pending_or_failed(self) -> bool:
        return self._dtls is not None and self._dtls.state in (DtlsState.HANDSHAKE, DtlsState.FAILED)

    # --- what comes ---

    def receive(self, data: bytes, source: Source, now: float) -> bool:
        """Take a datagram that is no RTP. False when it is nothing that belongs here."""
        if stun.is_stun(data):
            self._check(data, source, now)
            return True
        if not is_dtls(data) or self._handshakes is None:
            return False
        if self._negotiated:
            if self._dtls is None:
                return False
            if not self._belongs(source, now):
                self.strangers += 1
                return True
        # Before the answer has come nobody knows whose this is; a caller in a hurry is not made to wait.
        if len(self._waiting) < MAX_WAITING:
            self._waiting.append((data, source))
            if self._dtls is not None:
                self._submit()
        return True

    def _check(self, data: bytes, source: Source, now: float) -> None:
        ice = self.ice
        if ice is None:
            return  # a keep-alive of somebody's NAT, or of a party that we have not told that we do ICE
        answer = ice.receive(data, source, now)
        if answer is not None:
            self._send(answer, source)
        if ice.nominated == source and ice.last_check_at == now:
            self._latch.nominated(source)
            self._send_outgoing()

    def _belongs(self, source: Source, now: float) -> bool:
        if self.ice is not None:
            return self.ice.is_valid(source)
        return self._dtls_latch.heard(source, now)

    def _submit(self) -> None:
        if not self._submitted and self._handshakes is not None:
            self._submitted = True
            self._handshakes.submit(self._step)

    def _step(self, now: float) -> None:
        """Our turn: take one datagram of the handshake."""
        self._submitted = False
        if self._closed or self._dtls is None or not self._waiting:
            return
        data, source = self._waiting.popleft()
        if self._waiting:
            self._submit()
        if not self._belongs(source, now):  # it came before anybody knew
            self.strangers += 1
            return
        if self._source not in (None, source):
            self._begin_again(now)  # the hellos of two would make a handshake of neither
        self._source, dtls = source, self._dtls
        dtls.receive(data, now)
        if dtls.state is DtlsState.FAILED and self._is_unknown(source):
            self._send_outgoing()
            self._rejected = dtls.failure
            self.strangers += 1
            self._dtls_latch.forget()
            self._begin_again(now)
            return
        self._after(dtls, now)

    def _is_unknown(self, source: Source) -> bool:
        """Whether this may be somebody else than the far party, who must not end its call: where we wait for
        a hello, anybody may send one.
        """
        return self.ice is None and not self._active and not self._dtls_latch.is_signalled(source)

    def _begin_again(self, now: float) -> None:
        """Wait for a hello as if none had come. The side that has said its own goes on, and so does who is
        known by ICE.
        """
        if self._pending_or_failed and not self._active and self.ice is None and self._parameters is not None:
            self._begin(self._parameters, now)

    def _after(self, dtls: DtlsEndpoint, now: float) -> None:
        """Send what the association has to say, and see whether the handshake has just ended."""
        self._send_outgoing()
        if dtls.malformed:
            self.dtls_malformed += dtls.malformed
            dtls.malformed = 0
        if dtls.state is DtlsState.ESTABLISHED and self._security.held:
            assert dtls.keys is not None
            self._due_at = None
            self._security.set_keys(dtls.keys)
            if self.ice is None and self._dtls_latch.source is not None:
                self._latch.reachable_at(self._dtls_latch.source)
            self._ended(None, now)
        elif dtls.state is DtlsState.FAILED and self.failure is None:
            self._due_at = None
            self.failure = dtls.failure
            self._ended(dtls.failure, now)

    # --- time ---

    def housekeeping(self, now: float) -> None:
        """Send again what was not answered, and end what takes too long; to be called every 100 ms or so."""
        dtls = self._dtls
        if dtls is not None and dtls.state is DtlsState.HANDSHAKE:
            if self._due_at is not None and now >= self._due_at:
                dtls.give_up(self._too_late(dtls))
            elif self._target() is not None:
                dtls.poll(now)
            self._after(dtls, now)
        ice = self.ice
        if (
            ice is not None
            and ice.nominated is not None
            and now - self._latch.last_heard >= CONSENT_S
            and not ice.has_consent(now)
        ):
            self._latch.nominated(None)

    def _too_late(self, dtls: DtlsEndpoint) -> str:
        limit = f"no encryption was agreed within {self._timeout_s:.0f} s"
        if self.ice is not None and self.ice.last_check_at is None:
            refused = self.ice.refused
            with_wrong = f", and {refused} checks were refused" if refused else ""
            return f"{limit}: no ICE check of the far party has come{with_wrong}"
        if self.ice is not None and self.ice.nominated is None:
            return f"{limit}: the far party has nominated no path (ICE)"
        if self._rejected is not None:
            return f"{limit}: {self._rejected}"
        if not dtls.heard:
            return f"{limit}: nothing of a DTLS handshake has come from the far party"
        return f"{limit}: the far party does not go on with the DTLS handshake"

    def close(self) -> None:
        """The leg ends: say so to the far party."""
        self._end_association()
        self._closed = True

    # --- what goes out ---

    def _target(self) -> Source | None:
        """Where the handshake is sent to."""
        if self.ice is not None:
            return self.ice.nominated or self._source
        return self._dtls_latch.target

    def _send_outgoing(self) -> None:
        if self._dtls is None:
            return
        target = self._target()
        if target is None:
            return  # ICE has found no path yet: what is to be said waits for it
        for data in self._dtls.take_outgoing():
            self._send(data, target)

    def _send(self, data: bytes, target: Source) -> None:
        try:
            self._send_to(data, target)
        except OSError:
            self.send_errors += 1
