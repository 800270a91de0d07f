import pytest
from aiohttp.test_utils import make_mocked_request

from local_engine.errors import InvalidRequest
from local_engine.pages import page


def listed(query: str = "") -> dict[str, object]:
    request = make_mocked_request("GET", f"/things?{query}", headers={"Host": "engine"})
    return page(request, list(range(5)), lambda number: number * 10)


def test_everything_on_one_page_has_no_neighbours() -> None:
    assert listed() == {"next": None, "previous": None, "results": [0, 10, 20, 30, 40], "total": 5}


def test_links_keep_the_other_parameters() -> None:
    first = listed("pageSize=2&search=x")
    assert first["results"] == [0, 10]
    assert first["previous"] is None
    following = str(first["next"])
    assert following.startswith("http://engine/things?")
    assert "search=x" in following
    second = listed(following.partition("?")[2])
    assert second["results"] == [20, 30]
    assert second["previous"] is not None


@pytest.mark.parametrize("query", ["cursor=%25", "cursor=bz0tMQ==", "cursor=YT0x", "pageSize=many"])
def test_a_broken_cursor_is_refused(query: str) -> None:
    with pytest.raises(InvalidRequest):
        listed(query)
