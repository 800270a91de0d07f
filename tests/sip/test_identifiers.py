"""Tags, branches and Call-IDs are unique, long enough, and safe to write into a header."""

from __future__ import annotations

from sip.identifiers import BRANCH_COOKIE, new_branch, new_call_id, new_tag


def test_branches_carry_the_magic_cookie_and_differ() -> None:
    branches = {new_branch() for _ in range(1000)}
    assert len(branches) == 1000
    assert all(branch.startswith(BRANCH_COOKIE) and len(branch) >= 27 for branch in branches)


def test_tags_and_call_ids_are_random_tokens() -> None:
    for make, length in ((new_tag, 16), (new_call_id, 32)):
        made = {make() for _ in range(1000)}
        assert len(made) == 1000
        assert all(len(value) == length and value.isalnum() for value in made)
