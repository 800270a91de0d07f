"""The transaction layer: finds the transaction a message belongs to (RFC 3261 sections 17.1.3, 17.2.3,
8.2.2.2, 9.2).

What matches goes to its state machine; what does not becomes a new server transaction and goes up to the
core, except an ACK, which never has a transaction of its own, and a merged request, which is answered here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sip.client_transaction import (
    ClientKey,
    ClientTransaction,
    ClientTransactionUser,
    InviteClientTransaction,
    NonInviteClientTransaction,
)
from sip.flow import Flow, TransportError
from sip.identifiers import BRANCH_COOKIE
from sip.message import Request, Response, response_to
from sip.server_transaction import (
    InviteServerTransaction,
    NonInviteServerTransaction,
    ServerKey,
    ServerTransaction,
)
from sip.timers import TimerQueue, Timing

OVERLOAD_RETRY_AFTER = 5
"""Seconds a peer is asked to wait when the table of transactions is full."""


class TransactionCore(Protocol):
    """Who takes what the layer does not answer by itself."""

    def admit(self, request: Request, flow: Flow) -> bool:
        """Whether a new request may make state; when not it has been answered, or deliberately was not."""
        ...

    def on_request(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        """A new request other than ACK and CANCEL, with the transaction to answer it in."""
        ...

    def on_ack(self, request: Request, now: float) -> None:
        """An ACK to a 2xx."""
        ...

    def new_local_tag(self) -> str:
        """A To tag for answers made here."""
        ...


@dataclass(slots=True)
class TransactionCounters:
    """What happened to messages that reached no user."""

    merged: int = 0
    refused_by_overload: int = 0
    not_admitted: int = 0
    stray_responses: int = 0


class TransactionLayer:
    """All transactions of one user agent. `limit` bounds the server and the client table, each."""

    def __init__(self, core: TransactionCore, timers: TimerQueue, timing: Timing, *, limit: int) -> None:
        self._core = core
        self._limit = limit
        self._client: dict[ClientKey, ClientTransaction] = {}
        self._server: dict[ServerKey, ServerTransaction] = {}
        self._merge_keys: dict[ServerKey, ServerTransaction] = {}
        self.timers = timers
        self.timing = timing
        self.retransmissions = 0
        self.unsent_responses = 0
        self.counters = TransactionCounters()

    @property
    def client_transactions(self) -> int:
        """How many client transactions there are, lingering ones included."""
        return len(self._client)

    @property
    def server_transactions(self) -> int:
        """How many server transactions there are, lingering ones included."""
        return len(self._server)

    def receive_response(self, response: Response, now: float) -> None:
        """Hand an answer to its client transaction by branch and method; a stray one is dropped and
        counted."""
        transaction = self._client.get((response.top_via.branch or "", response.cseq.method))
        if transaction is None:
            self.counters.stray_responses += 1
        else:
            transaction.receive(response, now)

    def receive_request(self, request: Request, flow: Flow, now: float) -> None:
        """Hand a request to its server transaction or make one; `flow` is the way answers go."""
        method = request.method
        key = server_key(request)
        transaction = self._server.get(key)
        if transaction is not None and (method != "ACK" or not _acknowledges_success(transaction)):
            transaction.receive(request, now)
        elif method == "ACK":
            self._core.on_ack(request, now)
        elif not (method == "CANCEL" and (*key[:-1], "INVITE") in self._server) and not self._core.admit(
            request, flow
        ):
            self.counters.not_admitted += 1
        elif len(self._server) >= self._limit:
            self._refuse_by_overload(request, flow)
        elif method == "CANCEL":
            self._receive_cancel(request, key, flow, now)
        else:
            self._receive_new(request, key, flow, now)

    def send_request(
        self, request: Request, branch: str, flow: Flow, user: ClientTransactionUser, now: float
    ) -> ClientTransaction:
        """Send `request`, whose top Via holds `branch`, in a new client transaction.

        When the table is full the transaction fails as if the transport had.
        """
        key = (branch, request.method)
        transaction: ClientTransaction
        if request.method == "INVITE":
            transaction = InviteClientTransaction(self, key, flow, user)
        else:
            transaction = NonInviteClientTransaction(self, key, flow, user)
        if len(self._client) >= self._limit:
            self.counters.refused_by_overload += 1
            self.timers.schedule(now, transaction.transport_failed)
        else:
            self._client[key] = transaction
            transaction.start(request, now)
        return transaction

    def transport_failed(self, flow: Flow, now: float) -> None:
        """Every request still unanswered on `flow` fails; rare, so it may look at all of them."""
        for transaction in [t for t in self._client.values() if t.flow.carrier is flow.carrier]:
            transaction.transport_failed(now)

    def client_transaction_ended(self, transaction: ClientTransaction) -> None:
        """Forget a client transaction."""
        self._client.pop(transaction.key, None)

    def server_transaction_ended(self, transaction: ServerTransaction) -> None:
        """Forget a server transaction."""
        self._server.pop(transaction.key, None)
        if transaction.merge_key is not None:
            self._merge_keys.pop(transaction.merge_key, None)

    def _receive_new(self, request: Request, key: ServerKey, flow: Flow, now: float) -> None:
        merge_key: ServerKey | None = None
        if request.to_tag is None:
            cseq = request.cseq
            merge_key = (request.call_id, request.from_tag or "", str(cseq.number), cseq.method)
        transaction: ServerTransaction
        if merge_key is not None and merge_key in self._merge_keys:
            # RFC 3261 section 8.2.2.2: the same request by another path. A transaction of its own repeats
            # the 482.
            self.counters.merged += 1
            transaction = self._add(key, None, request, flow)
            transaction.respond(response_to(request, 482, to_tag=self._core.new_local_tag()), now)
            return
        transaction = self._add(key, merge_key, request, flow)
        if merge_key is not None:
            self._merge_keys[merge_key] = transaction
        self._core.on_request(request, transaction, now)

    def _receive_cancel(self, request: Request, key: ServerKey, flow: Flow, now: float) -> None:
        """RFC 3261 section 9.2: always answered; only an unanswered INVITE is affected."""
        invite = self._server.get((*key[:-1], "INVITE"))
        transaction = self._add(key, None, request, flow)
        if not isinstance(invite, InviteServerTransaction):
            transaction.respond(response_to(request, 481, to_tag=self._core.new_local_tag()), now)
            return
        user = invite.user
        # The tag is the one the INVITE's own answers carry (RFC 3261 section 9.2).
        tag = self._core.new_local_tag() if user is None else user.local_tag
        transaction.respond(response_to(request, 200, to_tag=tag), now)
        if user is not None and not invite.answered:
            user.on_cancel(request, now)

    def _add(
        self, key: ServerKey, merge_key: ServerKey | None, request: Request, flow: Flow
    ) -> ServerTransaction:
        kind = InviteServerTransaction if request.method == "INVITE" else NonInviteServerTransaction
        transaction = kind(self, key, merge_key, request, flow)
        self._server[key] = transaction
        return transaction

    def _refuse_by_overload(self, request: Request, flow: Flow) -> None:
        """Stateless 503: a full table must not cost memory (RFC 3261 section 8.2.7)."""
        self.counters.refused_by_overload += 1
        headers = (("Retry-After", str(OVERLOAD_RETRY_AFTER)),)
        response = response_to(request, 503, to_tag=self._core.new_local_tag(), headers=headers)
        try:
            flow.send(response.serialise(), response)
        except TransportError:
            self.unsent_responses += 1


def server_key(request: Request) -> ServerKey:
    """What a repetition of `request` has in common with it (RFC 3261 section 17.2.3).

    An ACK has the key of its INVITE; the method is always last. Without the magic cookie, and with nothing
    behind it (RFC 4475 3.2.1), the rules of RFC 2543 apply, where a CANCEL or a non-2xx ACK is found by
    Request-URI, Call-ID, From tag, CSeq number and the topmost Via.
    """
    via = request.top_via
    branch = via.branch
    method = request.method
    if method == "ACK":
        method = "INVITE"
    if branch is not None and branch.startswith(BRANCH_COOKIE) and branch != BRANCH_COOKIE:
        return (branch, via.host, str(via.port), method)
    return (
        request.uri,
        request.call_id,
        request.from_tag or "",
        str(request.cseq.number),
        via.text,
        method,
    )


def _acknowledges_success(transaction: ServerTransaction) -> bool:
    """Whether an ACK that matches `transaction` is one for a 2xx: some peers reuse the INVITE's branch for
    it."""
    return isinstance(transaction, InviteServerTransaction) and transaction.accepted
