import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_api.byte_range import RangeNotSatisfiableError, has_etag, requested_range

ETAG = '"abc"'


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=0-499", (0, 500)),
        ("bytes=500-", (500, 1000)),
        ("bytes=-1", (999, 1000)),
        ("bytes=-2000", (0, 1000)),
        ("bytes=990-2000", (990, 1000)),
        ("Bytes=5-9", (5, 10)),
        # Ignored: the whole comes.
        (None, None),
        ("bytes=0-1,5-6", None),
        ("frames=0-1", None),
        ("bytes=9-5", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes", None),
        ("bytes=" + "9" * 40 + "-", None),
    ],
)
def test_one_range_of_bytes_is_served(header: str | None, wanted: tuple[int, int] | None) -> None:
    assert requested_range(header, None, ETAG, 1000) == wanted


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=5000-6000", "bytes=-0"])
def test_a_range_behind_the_end_cannot_be_served(header: str) -> None:
    with pytest.raises(RangeNotSatisfiableError):
        requested_range(header, None, ETAG, 1000)


def test_a_range_of_other_content_is_the_whole() -> None:
    assert requested_range("bytes=5-9", ETAG, ETAG, 1000) == (5, 10)
    for other in ('"old"', f"W/{ETAG}", "Wed, 21 Oct 2026 07:28:00 GMT"):
        assert requested_range("bytes=5-9", other, ETAG, 1000) is None


@given(header=st.text(alphabet="bytes=0123456789-, ") | st.text(), size=st.integers(1, 10**9))
def test_whatever_is_asked_the_range_lies_within_the_content(header: str, size: int) -> None:
    try:
        wanted = requested_range(header, None, ETAG, size)
    except RangeNotSatisfiableError:
        return
    if wanted is not None:
        assert 0 <= wanted[0] < wanted[1] <= size


@pytest.mark.parametrize(
    ("header", "known"),
    [(None, False), (ETAG, True), (f'"x", W/{ETAG}', True), ("*", True), ('"x"', False), ("", False)],
)
def test_a_client_that_has_the_content_is_recognised(header: str | None, known: bool) -> None:
    assert has_etag(header, ETAG) is known
