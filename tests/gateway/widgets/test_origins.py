from __future__ import annotations

import pytest

from gateway.errors import InvalidRequestError
from gateway.widgets.origins import checked_origins, origin_allowed


@pytest.mark.parametrize(
    ("origin", "pattern"),
    [
        ("https://shop.example", "https://shop.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://a.shop.example", "https://*.shop.example"),
        ("https://b.a.shop.example:8443", "https://*.shop.example:8443"),
        ("capacitor://localhost", "capacitor://localhost"),
    ],
)
def test_an_origin_that_is_written_down_is_allowed(origin: str, pattern: str) -> None:
    assert origin_allowed(origin, checked_origins([pattern], "f"))


@pytest.mark.parametrize(
    ("origin", "pattern"),
    [
        (None, "https://shop.example"),
        ("null", "https://shop.example"),
        ("", "https://shop.example"),
        ("http://shop.example", "https://shop.example"),
        ("https://shop.example:8443", "https://shop.example"),
        ("https://shop.example.evil.test", "https://shop.example"),
        ("https://evilshop.example", "https://*.shop.example"),
        ("https://shop.example", "https://*.shop.example"),
        ("https://.shop.example", "https://*.shop.example"),
        ("https://*.shop.example", "https://*.shop.example"),
        ("https://a.shop.example:444", "https://*.shop.example"),
        ("https://shop.example/", "https://shop.example"),
        ("https://shop.example@evil.test", "https://shop.example"),
        ("https://SHOP.example", "https://other.example"),
        ("https://shop.example\n", "https://shop.example"),
        ("https://shop.example https://evil.test", "https://shop.example"),
    ],
)
def test_any_other_origin_is_not(origin: str | None, pattern: str) -> None:
    assert not origin_allowed(origin, checked_origins([pattern], "f"))


def test_nothing_is_allowed_where_nothing_is_written() -> None:
    assert not origin_allowed("https://shop.example", ())


def test_patterns_are_kept_in_one_way_of_writing_and_once() -> None:
    given = ["HTTPS://Shop.Example:443/", "https://shop.example", "http://localhost:80", "http://a.b:8080"]
    assert checked_origins(given, "f") == ("https://shop.example", "http://localhost", "http://a.b:8080")


@pytest.mark.parametrize(
    "text",
    [
        *("*", "null", "https://*", "https://*.example", "https://*.0.0.1", "https://a.*.example"),
        *("shop.example", "https://", "https://shop.example/path", "https://shop.example:0"),
        *("https://shop.example:99999", "https://user@shop.example", "http://[::zz]", "http://[1.2.3.4]"),
        "https://shop..example",
    ],
)
def test_what_is_no_origin_is_refused_by_its_place(text: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        checked_origins(["https://good.example", text], "allowed_origins")
    assert caught.value.details["field"] == "allowed_origins.1"
