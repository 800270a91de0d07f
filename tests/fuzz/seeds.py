"""What the fuzzers start from: one list of inputs for each target."""

from __future__ import annotations

from tests.sip.torture import valid
from tests.sip.torture.invalid import REFUSED
from tests.sip.torture.wire import SDP

MESSAGES = [*valid.READABLE.values(), *(refused.data for refused in REFUSED.values())]

HEADERS = [
    '"A, B" <sip:a@[2001:db8::1]:5061;transport=tls?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2>;tag=1;q=0.3',
    "Bell, Alexander <sip:a.g.bell@example.com>;tag=4",
    "sip:+1-555-0100;ext=7@example.com:5060;user=phone",
    "tel:+1-555-0100;phone-context=example.com",
    "SIP / 2.0 / UDP pbx_1:5062;branch=z9hG4bK=;received=2001:db8::9;rport=5 , SIP/2.0/TCP b;maddr=1.2.3.4",
    "4711 INVITE",
    'Digest realm="a,b", nonce="\\"x", qop="auth,auth-int", algorithm=SHA-256, opaque="", Basic realm=x',
    'Digest username="u", realm="trunkline", nonce="n", uri="sip:a@b", qop=auth, nc=00000001, '
    'cnonce="c", response="0123"',
    'Q.850;cause=16;text="Normal Clearing"',
    "18000 (in a \\) meeting);duration=3600",
    "776656 1 INVITE",
    "1800;refresher=uas",
    "98732@sip.example.com;to-tag=r33th4x0r;from-tag=ff87ff;early-only",
    '399 gateway "no \\"room\\""',
    "terminated;reason=noresource;expires=0;retry-after=5",
    "multipart/mixed;boundary=unique-boundary-1",
]

DESCRIPTIONS = [
    SDP,
    b"v=0\r\no=- 1 2 IN IP6 2001:db8::1\r\ns=-\r\nc=IN IP6 2001:db8::1\r\nt=0 0\r\na=sendonly\r\n"
    b"m=audio 4000 RTP/SAVP 96 9 0 101\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:30\r\na=maxptime:60\r\na=rtcp:4001\r\n"
    b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20\r\n",
    b"v=0\no=- 1 2 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\na=group:BUNDLE 0 1\n"
    b"m=audio 9 UDP/TLS/RTP/SAVPF 111 0\na=mid:0\na=rtpmap:111 opus/48000/2\na=rtcp-mux\na=ice-ufrag:abcd\n"
    b"a=ice-pwd:0123456789012345678901\na=setup:actpass\na=fingerprint:sha-256 "
    + b":".join([b"AB"] * 32)
    + b"\na=candidate:1 1 udp 2130706431 192.0.2.1 4000 typ host\nm=video 9 UDP/TLS/RTP/SAVPF 96\na=mid:1\n",
]

#: Steps of `tests.fuzz.transactions`, which have no form that could be written by hand.
SCENARIOS = [bytes(range(256)), bytes(7 * n % 256 for n in range(400)), b"\0" * 64]
