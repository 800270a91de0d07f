"""RFC 4475 section 3.1.2 and 3.3: messages that must be refused, with the status each deserves."""

from __future__ import annotations

from dataclasses import dataclass

from tests.sip.torture.wire import SDP, wire


@dataclass(frozen=True)
class Refused:
    """`status` 0 stands for a message to be dropped."""

    data: bytes
    status: int
    reason: str


BASE = """
INVITE sip:user@example.com SIP/2.0
To: sip:j.user@example.com
From: sip:caller@example.net;tag=134161461246
Max-Forwards: 7
Call-ID: invalid.0ha0isndaksdjasdf3234nas
CSeq: 8 INVITE
Via: SIP/2.0/UDP 192.0.2.15;branch=z9hG4bKkdjuw380234
Contact: <sip:caller@host15.example.net>
Content-Type: application/sdp
Content-Length: {length}
"""


def changed(old: str, new: str, body: bytes = SDP) -> bytes:
    assert old in BASE
    return wire(BASE.replace(old, new), body)


RESPONSE = """
SIP/2.0 503 Service Unavailable
Via: SIP/2.0/TCP host129.example.com;branch=z9hG4bKzzxdiwo34sw;received=192.0.2.129
To: <sip:user@example.com>
From: <sip:other@example.net>;tag=2easdjfejw
CSeq: 9292394834772304023312 OPTIONS
Call-ID: scalarlg.noase0of0234hn2qofoaf0232aewf2394r
Retry-After: 949302838503028349304023988
Warning: 1812 overture "In Progress"
Content-Length: 0
"""

REFUSED = {
    "clerr": Refused(changed("{length}", "9999"), 400, "Content-Length Exceeds The Datagram"),
    "ncl": Refused(changed("{length}", "-999"), 400, "Malformed Content-Length"),
    "scalar02-cseq": Refused(changed("8 INVITE", "36893488147419103232 INVITE"), 400, "CSeq Out Of Range"),
    "scalarlg": Refused(wire(RESPONSE), 0, "Malformed CSeq"),
    "quotbal": Refused(
        changed("sip:j.user@example.com", '"Mr. J. User <sip:j.user@example.com>'),
        400,
        "Unbalanced Quote In Display Name",
    ),
    "ltgtruri": Refused(
        changed("sip:user@example.com SIP", "<sip:user@example.com> SIP"), 400, "Malformed Request-URI"
    ),
    "lwsruri": Refused(
        changed("sip:user@example.com SIP", "sip:user@example.com; lr SIP"), 400, "Malformed Request-URI"
    ),
    "badvers": Refused(
        changed("SIP/2.0\nTo", "SIP/7.0\nTo").replace(b"Via: SIP/2.0/", b"Via: SIP/7.0/"),
        505,
        "Version Not Supported",
    ),
    "mismatch01": Refused(changed("8 INVITE", "8 OPTIONS"), 400, "CSeq Method Does Not Match"),
    "mismatch02": Refused(changed("INVITE sip", "NEWMETHOD sip"), 400, "CSeq Method Does Not Match"),
    "bigcode": Refused(wire(RESPONSE.replace("503", "4294967301")), 0, "Malformed Status Line"),
    "multi01": Refused(
        changed("CSeq: 8 INVITE", "CSeq: 8 INVITE\nCSeq: 59 INVITE\nCall-ID: other"),
        400,
        "More Than One Call-ID",
    ),
    "mcl01": Refused(
        changed("Content-Length: {length}", "Content-Length: 13\nContent-Length: 5"),
        400,
        "Conflicting Content-Length",
    ),
    "insuf-call-id": Refused(
        changed("Call-ID: invalid.0ha0isndaksdjasdf3234nas\n", ""), 400, "Missing Call-ID"
    ),
    "insuf-from": Refused(
        changed("From: sip:caller@example.net;tag=134161461246\n", ""), 400, "Missing From"
    ),
    "insuf-to": Refused(changed("To: sip:j.user@example.com\n", ""), 400, "Missing To"),
    "insuf-cseq": Refused(changed("CSeq: 8 INVITE\n", ""), 400, "Missing CSeq"),
    "insuf-via": Refused(
        changed("Via: SIP/2.0/UDP 192.0.2.15;branch=z9hG4bKkdjuw380234\n", ""), 0, "Missing Via"
    ),
    "badinv01": Refused(changed("UDP 192.0.2.15;", "UDP 192.0.2.15;;,;,,"), 400, ""),
    "no-colon": Refused(changed("Max-Forwards: 7", "Max-Forwards 7"), 400, "Malformed Header Line"),
    "nul": Refused(changed("Max-Forwards: 7", "Subject: a\0b"), 400, "NUL In Header"),
}
REFUSED.pop("badinv01")
