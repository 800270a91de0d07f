"""All 49 messages of RFC 4475 by the names it gives them, each with what may come of it at a user agent."""

from __future__ import annotations

from tests.sip.torture import valid
from tests.sip.torture.invalid import REFUSED, changed
from tests.sip.torture.wire import SDP, wire

#: The call reaches whoever answers calls, and is refused there with a status of its own.
CALL = frozenset({486})
DONE = frozenset({200})
#: Readable, but of a method or with content that has some refusal coming; it must not be called malformed.
NOT_MALFORMED = frozenset({200, 401, 403, 404, 405, 423, 501})
BAD = frozenset({400})
SILENCE: frozenset[int] = frozenset()

_HEAD = """
{method} {uri} SIP/2.0
To: sip:user@example.com
From: sip:caller@example.net;tag=341518
Max-Forwards: 7
Call-ID: torture.0ha0isndaksdj
CSeq: 8 {method}
Via: SIP/2.0/UDP 192.0.2.15;branch=z9hG4bKkdjuw380234
"""


def _request(method: str, uri: str, more: str, body: bytes = b"") -> bytes:
    return wire(_HEAD.format(method=method, uri=uri) + more + "Content-Length: {length}", body)


_OFFER = "Contact: <sip:caller@host15.example.net>\nContent-Type: application/sdp\n"

SCALAR02 = _request(
    "REGISTER",
    "sip:example.com",
    "Expires: 10000000000000000000\n"
    "Contact: <sip:user@host129.example.com>;expires=280297596632815\n"
    "Retry-After: 949302838503028349304023988\n",
).replace(b"CSeq: 8 ", b"CSeq: 36893488147419103232 ")
BADINV01 = (_request("INVITE", "sip:user@example.com", 'Contact: "Joe" <sip:joe@example.org>;;;;\n')).replace(
    b"192.0.2.15;branch=z9hG4bKkdjuw380234", b"192.0.2.15;;,;,,"
)
LWSSTART = changed("INVITE sip:user@example.com SIP/2.0", "INVITE  sip:user@example.com  SIP/2.0")
TRWS = changed("INVITE sip:user@example.com SIP/2.0", "INVITE sip:user@example.com SIP/2.0  ")
ESCRURI = _request("INVITE", "sip:user@example.com?Route=%3Csip:sip.example.com%3E", _OFFER, SDP)
BADDATE = _request("INVITE", "sip:user@example.com", "Date: Fri, 01 Jan 2010 16:00:00 EST\n" + _OFFER, SDP)
REGBADCT = _request(
    "REGISTER", "sip:example.com", "Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E\n"
)
BADASPEC = changed("sip:j.user@example.com", '"Watson, Thomas" < sip:t.watson@example.org >')
BADDN = changed("From: sip:caller@example.net", "From: Bell, Alexander <sip:a.g.bell@example.com>")
BADBRANCH = _request("OPTIONS", "sip:user@example.com", "").replace(b"z9hG4bKkdjuw380234", b"z9hG4bK")
INSUF = wire(
    """
INVITE sip:user@example.com SIP/2.0
CSeq: 193942 INVITE
Via: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKkdj.insuf
Content-Type: application/sdp
l: {length}
""",
    SDP,
)
INVUT = _request(
    "INVITE",
    "sip:user@example.com",
    "Contact: <sip:caller@host15.example.net>\nContent-Type: application/unknownformat\n",
    b'<audio>\r\n <pcmu port="443"/>\r\n</audio>\r\n',
)
BCAST = wire(
    """
SIP/2.0 200 OK
Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923
Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23
Call-ID: bcast.0384840201234ksdfak3j2erwedfsASdf
CSeq: 35 INVITE
From: sip:user@example.com;tag=11141343
To: sip:user@example.edu;tag=2229
Content-Length: {length}
Content-Type: application/sdp
Contact: <sip:user@host28.example.com>
""",
    SDP,
)

MESSAGES: dict[str, tuple[bytes, frozenset[int]]] = {
    # 3.1.1, valid
    "wsinv": (valid.WSINV, frozenset({481})),  # its To tag is of no dialog of ours
    "intmeth": (valid.INTMETH, frozenset({501})),
    "esc01": (valid.ESC01, CALL),
    "escnull": (valid.ESCNULL, NOT_MALFORMED),
    "esc02": (valid.ESC02, frozenset({501})),
    "lwsdisp": (valid.LWSDISP, DONE),
    "longreq": (valid.LONGREQ, CALL),
    "dblreq": (valid.DBLREQ, NOT_MALFORMED),
    "semiuri": (valid.SEMIURI, DONE),
    "transports": (valid.TRANSPORTS, DONE),
    "mpart01": (valid.MPART01, NOT_MALFORMED),
    "unreason": (valid.UNREASON, SILENCE),
    "noreason": (valid.NOREASON, SILENCE),
    # 3.1.2, invalid; of lwsstart, trws, escruri, baddate, badaspec and baddn it lets an element guess the
    # meaning instead
    "badinv01": (BADINV01, BAD),
    "clerr": (REFUSED["clerr"].data, BAD),
    "ncl": (REFUSED["ncl"].data, BAD),
    "scalar02": (SCALAR02, BAD),
    "scalarlg": (REFUSED["scalarlg"].data, SILENCE),
    "quotbal": (REFUSED["quotbal"].data, BAD),
    "ltgtruri": (REFUSED["ltgtruri"].data, BAD),
    "lwsruri": (REFUSED["lwsruri"].data, BAD),
    "lwsstart": (LWSSTART, CALL),
    "trws": (TRWS, CALL),
    "escruri": (ESCRURI, CALL),
    "baddate": (BADDATE, CALL),
    "regbadct": (REGBADCT, frozenset({400, 405})),
    "badaspec": (BADASPEC, CALL),
    "baddn": (BADDN, CALL),
    "badvers": (REFUSED["badvers"].data, frozenset({505})),
    "mismatch01": (REFUSED["mismatch01"].data, BAD),
    "mismatch02": (REFUSED["mismatch02"].data, BAD),
    "bigcode": (REFUSED["bigcode"].data, SILENCE),
    # 3.2, transactions
    "badbranch": (BADBRANCH, DONE),
    # 3.3, the application
    "insuf": (INSUF, BAD),
    "unkscm": (valid.UNKSCM, frozenset({416})),
    "novelsc": (valid.NOVELSC, frozenset({416})),
    "unksm2": (valid.UNKSM2, frozenset({400, 401, 403, 404, 405, 416})),
    "bext01": (valid.BEXT01, frozenset({420})),
    "invut": (INVUT, frozenset({415})),
    "regaut01": (valid.REGAUT01, frozenset({401, 403, 404, 405})),
    "multi01": (REFUSED["multi01"].data, BAD),
    "mcl01": (REFUSED["mcl01"].data, BAD),
    "bcast": (BCAST, SILENCE),
    "zeromf": (valid.ZEROMF, frozenset({200, 483})),
    "cparam01": (valid.CPARAM01, NOT_MALFORMED),
    "cparam02": (valid.CPARAM02, NOT_MALFORMED),
    "regescrt": (valid.REGESCRT, NOT_MALFORMED),
    "sdp01": (valid.SDP01, CALL),
    # 3.4, RFC 2543
    "inv2543": (valid.INV2543, CALL),
}
