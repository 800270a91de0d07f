from __future__ import annotations

import pytest

from control_api.authentication import authenticate, bearer_token
from control_api.errors import UnauthorizedError


def scope(*values: bytes) -> dict[str, object]:
    return {"headers": [(b"host", b"x"), *((b"authorization", value) for value in values)]}


def test_the_scheme_is_read_in_any_case() -> None:
    assert bearer_token(scope(b"Bearer abc")) == "abc"
    assert bearer_token(scope(b"bearer  abc ")) == "abc"


@pytest.mark.parametrize(
    "values",
    [
        (),
        (b"",),
        (b"Bearer",),
        (b"Bearer ",),
        (b"Basic YTpi",),
        (b"Bearerabc",),
        (b"Bearer \xff\xfe",),
        (b"Bearer " + b"x" * 600,),
        (b"Bearer one", b"Bearer two"),
    ],
)
async def test_anything_else_is_no_key(values: tuple[bytes, ...]) -> None:
    class NobodyAsks:
        async def verify_key(self, bearer: str) -> None:
            raise AssertionError(f"{bearer!r} must not be looked up")

    assert bearer_token(scope(*values)) is None
    with pytest.raises(UnauthorizedError):
        await authenticate(scope(*values), NobodyAsks())
