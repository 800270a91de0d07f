from __future__ import annotations

import pytest

from sip.errors import HeaderInjectionError, ParseError
from sip.headers import CSeq, Via
from sip.message import Request, Response, response_to
from sip.parser import parse_message


def invite(*more: tuple[str, str]) -> Request:
    return Request(
        "INVITE",
        "sip:b@h",
        [
            ("Via", "SIP/2.0/UDP proxy;branch=z9hG4bK+a*b, SIP/2.0/UDP ua;branch=z9hG4bK2"),
            ("Via", "SIP/2.0/UDP first"),
            ("Record-Route", "<sip:p2;lr>, <sip:p1;lr>"),
            ("Record-Route", "<sip:p0;lr>"),
            ("f", '"Alice" <sip:a@h>;tag=1'),
            ("t", "<sip:b@h>"),
            ("i", "call"),
            ("cseq", "7 INVITE"),
            ("Contact", "<sip:a@ua>"),
            *more,
        ],
    )


def test_headers_are_found_by_any_spelling() -> None:
    request = invite(("X-Thing", "1"))
    assert request.get("From") == request.get("f") == request.get("FROM") == '"Alice" <sip:a@h>;tag=1'
    assert request.get("x-thing") == "1"
    assert request.get("Subject") is None
    assert len(request.get_all("v")) == 2


def test_typed_views_are_parsed_once() -> None:
    request = invite()
    assert request.from_ is request.from_
    assert request.top_via is request.top_via
    assert request.contacts is request.contacts


def test_typed_views_say_what_the_headers_say() -> None:
    request = invite(
        ("Require", "100rel, Timer"),
        ("k", "replaces,timer"),
        ("Allow", "INVITE, ACK"),
        ("Expires", "60"),
        ("Max-Forwards", "70"),
        ("Route", "<sip:r1;lr>, <sip:r2;lr>"),
        ("Content-Type", "Application/SDP ; charset=x"),
    )
    assert request.call_id == "call"
    assert request.cseq == CSeq(7, "INVITE")
    assert (request.from_tag, request.to_tag) == ("1", None)
    assert request.top_via.branch == "z9hG4bK+a*b"
    assert [via.host for via in request.vias] == ["proxy", "ua", "first"]
    assert request.contact is not None
    assert request.contact.uri.host == "ua"
    assert request.record_route == ["<sip:p2;lr>", "<sip:p1;lr>", "<sip:p0;lr>"]
    assert [route.uri.host for route in request.route] == ["r1", "r2"]
    assert request.require == ["100rel", "timer"]
    assert request.supported == ["replaces", "timer"]
    assert request.allow == ["INVITE", "ACK"]
    assert (request.expires, request.max_forwards) == (60, 70)
    assert request.content_type == "application/sdp"
    assert request.request_uri.user == "b"


def test_absent_optional_headers_have_empty_views() -> None:
    message = Request("OPTIONS", "sip:h")
    assert message.contact is None
    assert message.max_forwards is None
    assert message.content_type is None
    assert (
        message.route == message.require == message.supported == message.allow == message.record_route == []
    )


@pytest.mark.parametrize("view", ["call_id", "cseq", "from_", "to", "from_tag", "to_tag", "top_via"])
def test_absent_mandatory_header_is_a_parse_error(view: str) -> None:
    with pytest.raises(ParseError):
        getattr(Request("OPTIONS", "sip:h"), view)


def test_changing_a_header_renews_its_views_and_no_others() -> None:
    request = invite()
    from_, to_tag = request.from_, request.to_tag
    assert to_tag is None
    request.set("To", "<sip:b@h>;tag=9")
    assert request.to_tag == "9"
    assert request.from_ is from_
    request.add("Supported", "timer")
    request.add("Supported", "replaces")
    assert request.supported == ["timer", "replaces"]
    request.remove("k")
    assert request.supported == []
    request.insert_first("v", "SIP/2.0/TCP new")
    assert request.top_via.host == "new"
    assert request.headers[0] == ("Via", "SIP/2.0/TCP new")


def test_header_appended_to_the_list_is_found() -> None:
    request = invite()
    assert request.get("Subject") is None
    request.headers.append(("Subject", "x"))
    assert request.get("Subject") == "x"


def test_set_leaves_one_line_in_the_place_of_the_first() -> None:
    request = invite()
    names = [name for name, _ in request.headers]
    request.set("Via", "SIP/2.0/UDP only")
    assert request.get_all("Via") == ["SIP/2.0/UDP only"]
    assert [name for name, _ in request.headers] == ["Via", *names[2:]]


def test_top_via_is_replaced_or_removed_without_the_others_of_its_line() -> None:
    request = invite()
    request.replace_top_via(Via.parse("SIP/2.0/UDP proxy;received=1.2.3.4"))
    assert request.get_all("Via")[0] == "SIP/2.0/UDP proxy;received=1.2.3.4, SIP/2.0/UDP ua;branch=z9hG4bK2"
    request.remove_top_via()
    assert request.top_via.host == "ua"
    request.remove_top_via()
    request.remove_top_via()
    assert request.get("Via") is None
    with pytest.raises(ParseError):
        request.replace_top_via(Via.parse("SIP/2.0/UDP h"))


def test_source_of_the_packet_is_stamped_on_the_top_via() -> None:
    request = invite()
    request.stamp_received("192.0.2.9", 4000)
    assert request.top_via.received == "192.0.2.9"
    assert "SIP/2.0/UDP proxy;branch=z9hG4bK+a*b;received=192.0.2.9, SIP" in request.serialise().decode()


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "\r\n\r\nbody"])
def test_line_end_in_a_value_is_refused_by_every_way_in(value: str) -> None:
    request = invite()
    for write in (request.set, request.add, request.insert_first):
        with pytest.raises(HeaderInjectionError):
            write("Subject", value)
    with pytest.raises(HeaderInjectionError):
        Request("INVITE", "sip:b@h", [("Subject", value)])
    with pytest.raises(HeaderInjectionError):
        response_to(request, 200, headers=[("Subject", value)])
    with pytest.raises(HeaderInjectionError):
        response_to(request, 200, to_tag=value)
    with pytest.raises(HeaderInjectionError):
        response_to(request, 200, value).serialise()
    with pytest.raises(HeaderInjectionError):
        Request("INVITE", f"sip:{value.replace(' ', '')}@h").serialise()
    with pytest.raises(HeaderInjectionError):
        request.retarget(value)
    request.headers.append(("Subject", value))
    with pytest.raises(HeaderInjectionError):
        request.serialise()


@pytest.mark.parametrize("name", ["", "a b", "Sub:ject", "Sub\r\nject"])
def test_name_that_is_no_header_name_is_refused(name: str) -> None:
    with pytest.raises(HeaderInjectionError):
        invite().add(name, "x")


def test_blank_in_the_request_line_is_refused() -> None:
    with pytest.raises(HeaderInjectionError):
        Request("INVITE", "sip:b@h SIP/2.0 x")
    with pytest.raises(HeaderInjectionError):
        Request("IN VITE", "sip:b@h")
    with pytest.raises(HeaderInjectionError):
        invite().retarget("sip:b h")


def test_text_that_cannot_be_encoded_is_refused() -> None:
    request = invite()
    request.add("Subject", "\ud800")
    with pytest.raises(HeaderInjectionError):
        request.serialise()


def test_content_length_is_always_the_length_of_the_body() -> None:
    request = invite(("Content-Length", "999"))
    request.body = b"12345"
    data = request.serialise()
    assert data.count(b"Content-Length") == 1
    assert data.endswith(b"Content-Length: 5\r\n\r\n12345")


def test_retargeted_request_has_a_new_request_uri() -> None:
    request = invite()
    assert request.request_uri.user == "b"
    request.retarget("sip:c@h")
    assert request.request_uri.user == "c"


def test_response_echoes_what_it_must_byte_for_byte() -> None:
    request = invite(("Subject", "no echo"), ("Timestamp", "54"))
    response = response_to(request, 200, to_tag="us")
    assert response.get_all("Via") == request.get_all("Via")
    assert response.get_all("Record-Route") == request.get_all("Record-Route")
    assert response.get("From") == '"Alice" <sip:a@h>;tag=1'
    assert response.get("To") == "<sip:b@h>;tag=us"
    assert (response.get("Call-ID"), response.get("CSeq")) == ("call", "7 INVITE")
    assert response.get("Subject") is None
    assert response.get("Timestamp") is None
    assert (response.status, response.reason) == (200, "OK")


def test_bytes_that_are_not_utf8_are_echoed_unchanged() -> None:
    data = (
        b"OPTIONS sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK\xff\r\n"
        b'From: "J\xf6rg" <sip:a@h>;tag=1\r\n'
        b"To: J\xc3\xb6rg <sip:b@h>\r\nCall-ID: \xfe\xff\r\nCSeq: 1 OPTIONS\r\n\r\n"
    )
    request = parse_message(data)
    assert isinstance(request, Request)
    out = response_to(request, 200, to_tag="x").serialise()
    for line in (
        b"branch=z9hG4bK\xff\r\n",
        b'"J\xf6rg" <sip:a@h>;tag=1\r\n',
        b"J\xc3\xb6rg <sip:b@h>;tag=x",
        b": \xfe\xff\r\n",
    ):
        assert line in out


def test_trying_has_no_tag_and_echoes_the_timestamp() -> None:
    response = response_to(invite(("Timestamp", "54")), 100, to_tag="us")
    assert response.get("To") == "<sip:b@h>"
    assert response.get("Timestamp") == "54"
    assert response.get("Record-Route") is None


def test_tag_of_the_dialog_is_not_added_twice() -> None:
    request = invite()
    request.set("To", "<sip:b@h>;tag=there")
    assert response_to(request, 200, to_tag="us").get("To") == "<sip:b@h>;tag=there"


def test_record_route_is_echoed_only_where_a_dialog_can_form() -> None:
    request = invite()
    assert response_to(request, 180, to_tag="x").record_route
    assert not response_to(request, 486, to_tag="x").record_route
    request.method = "BYE"
    assert not response_to(request, 200).record_route


def test_response_carries_body_reason_and_further_headers() -> None:
    response = response_to(
        invite(), 503, "Draining", headers=[("Retry-After", "5")], body=b"sorry", content_type="text/plain"
    )
    parsed = parse_message(response.serialise())
    assert isinstance(parsed, Response)
    assert (parsed.status, parsed.reason, parsed.body) == (503, "Draining", b"sorry")
    assert (parsed.get("Retry-After"), parsed.content_type) == ("5", "text/plain")


def test_request_without_mandatory_headers_is_answered_without_them() -> None:
    request = Request("INVITE", "sip:b@h", [("Via", "SIP/2.0/UDP h;branch=z9hG4bK1"), ("To", '"broken')])
    response = response_to(request, 400, "Missing Call-ID", to_tag="x")
    assert response.headers == [("Via", "SIP/2.0/UDP h;branch=z9hG4bK1"), ("To", '"broken')]


def test_ack_is_never_answerable() -> None:
    request = invite()
    assert request.is_answerable
    request.method = "ACK"
    assert not request.is_answerable
    assert not Request("INVITE", "sip:b@h").is_answerable


def test_equality_is_of_content() -> None:
    assert invite() == invite(("Content-Length", "0"))
    assert invite() != invite(("Subject", "x"))
    assert invite() != "INVITE"
    assert "INVITE sip:b@h" in repr(invite())
