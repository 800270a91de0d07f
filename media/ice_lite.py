"""The lite half of ICE (RFC 8445): a full agent checks its paths to us, we answer and obey what it nominates.

A check is believed only when it is signed with the password we gave the far party in SDP, so that nobody else
can turn a call's media to himself. We send no checks and no candidates but the one address we listen on.

Pure: datagrams and the time in monotonic seconds go in, answers come out.
"""

from __future__ import annotations

from collections import OrderedDict

from media import stun
from media.latching import Source
from media.messages import IceParameters
from media.stun import Attribute, MessageClass, StunMessage

# Without a check for so long the far party does not want our media any more (RFC 7675, section 5.1).
CONSENT_S = 30.0
# Transactions of which is remembered where they came from. A recorded check that somebody sends again from
# another place would be authentic.
REMEMBERED_TRANSACTIONS = 64
# From more places than this nobody checks in earnest; the oldest is forgotten.
MAX_VALID_SOURCES = 32


class IceLite:
    """One component's agent: RTP and RTCP come on one port."""

    __slots__ = (
        "_parameters",
        "_password",
        "_transactions",
        "_username",
        "_valid",
        "checks",
        "last_check_at",
        "nominated",
        "refused",
    )

    def __init__(self, parameters: IceParameters) -> None:
        self._parameters = parameters
        self._username = f"{parameters.local_ufrag}:{parameters.remote_ufrag}".encode()
        self._password = parameters.local_password.encode()
        self._valid: OrderedDict[Source, None] = OrderedDict()
        self._transactions: OrderedDict[bytes, Source] = OrderedDict()
        self.nominated: Source | None = None  # where to send, once the far party has chosen
        self.last_check_at: float | None = None
        self.checks = 0  # answered with success
        self.refused = 0  # of a stranger, of another call, or malformed

    @property
    def parameters(self) -> IceParameters:
        """What both sides have told each other."""
        return self._parameters

    def is_valid(self, source: Source) -> bool:
        """Whether the far party has proved that it sends from there."""
        return source in self._valid

    def has_consent(self, now: float) -> bool:
        """Whether the far party has lately said that it wants our media: its checks go on during the call."""
        return self.last_check_at is not None and now - self.last_check_at < CONSENT_S

    def receive(self, data: bytes, source: Source, now: float) -> bytes | None:
        """Take a STUN datagram. The answer that goes back to `source`, or None when there is none."""
        try:
            message = stun.parse(data)
        except stun.StunError:
            self.refused += 1
            return None
        if message.method != stun.BINDING or message.message_class is not MessageClass.REQUEST:
            # Indications keep bindings of NAT alive and are not answered; of what we asked nobody can be
            # answering anything.
            return None
        refusal = self._refusal(message, source)
        if refusal is not None:
            self.refused += 1
            return refusal
        self.checks += 1
        self.last_check_at = now
        self._remember(message, source)
        if Attribute.USE_CANDIDATE in message.attributes:
            # A later nomination replaces the one before: a phone that has changed its network says so.
            self.nominated = source
        mapped = stun.xor_address(source[0], source[1], message.transaction_id)
        return self._answer(MessageClass.SUCCESS, message, [(Attribute.XOR_MAPPED_ADDRESS, mapped)])

    def _refusal(self, message: StunMessage, source: Source) -> bytes | None:
        """The error response to a check that is not to be believed (RFC 8489, section 9.1.3); None for one
        that is.
        """
        attributes = message.attributes
        username = attributes.get(Attribute.USERNAME)
        if username is None or Attribute.MESSAGE_INTEGRITY not in attributes:
            return _unsigned_error(message, 400, "Bad Request")
        if username != self._username or not message.authentic(self._password):
            return _unsigned_error(message, 401, "Unauthenticated")
        if self._transactions.get(message.transaction_id, source) != source:
            return _unsigned_error(message, 401, "Unauthenticated")
        if message.unknown:
            listed = b"".join(kind.to_bytes(2, "big") for kind in message.unknown)
            error = stun.error_code(420, "Unknown Attribute")
            return self._answer(MessageClass.ERROR, message, [error, (Attribute.UNKNOWN_ATTRIBUTES, listed)])
        if Attribute.ICE_CONTROLLED in attributes:
            # A lite agent is always the controlled one (RFC 8445, section 6.1.1).
            return self._answer(MessageClass.ERROR, message, [stun.error_code(487, "Role Conflict")])
        if Attribute.PRIORITY not in attributes:
            return self._answer(MessageClass.ERROR, message, [stun.error_code(400, "Bad Request")])
        return None

    def _answer(
        self, message_class: MessageClass, request: StunMessage, attributes: list[tuple[int, bytes]]
    ) -> bytes:
        return stun.serialize(message_class, request.transaction_id, attributes, password=self._password)

    def _remember(self, message: StunMessage, source: Source) -> None:
        self._transactions[message.transaction_id] = source
        if len(self._transactions) > REMEMBERED_TRANSACTIONS:
            self._transactions.popitem(last=False)
        self._valid[source] = None
        self._valid.move_to_end(source)
        if len(self._valid) > MAX_VALID_SOURCES:
            self._valid.popitem(last=False)


def _unsigned_error(request: StunMessage, code: int, reason: str) -> bytes:
    """An error to somebody whose password is not ours."""
    return stun.serialize(MessageClass.ERROR, request.transaction_id, [stun.error_code(code, reason)])
