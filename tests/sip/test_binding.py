"""What a Contact tells of the way to it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sip.binding import Binding, best_first

HERE = Binding(
    contact="sip:a@192.0.2.1:5062",
    call_id="c",
    cseq=1,
    expires_at=60,
    registered_at=0,
    seen_at=0,
    transport="udp",
    source=("192.0.2.1", 5062),
)


@pytest.mark.parametrize(
    ("contact", "source", "hidden"),
    [
        ("sip:a@192.0.2.1:5062", ("192.0.2.1", 5062), False),
        ("sip:a@192.0.2.1", ("192.0.2.1", 5060), False),
        ("sip:a@[2001:db8::1]:5062", ("2001:db8::1", 5062), False),
        ("sip:a@192.0.2.1:5062", ("192.0.2.1", 40000), True),
        ("sip:a@10.0.0.1:5062", ("192.0.2.1", 5062), True),
        ("sip:a@pbx.example", ("192.0.2.1", 5060), True),
        ("sip:a@[broken", ("192.0.2.1", 5060), True),
    ],
)
def test_a_contact_that_is_not_where_it_came_from_is_behind_a_nat(
    contact: str, source: tuple[str, int], hidden: bool
) -> None:
    assert replace(HERE, contact=contact, source=source).behind_nat is hidden


@pytest.mark.parametrize(
    ("contact", "transport", "path", "survives"),
    [
        ("sip:a@192.0.2.1:5070;transport=tcp", "tcp", (), True),
        ("sip:a@192.0.2.1:5070", "tcp", (), False),
        ("sip:a@198.51.100.1:5070;transport=tcp", "tcp", (), False),
        ("sip:a@192.0.2.1:5070;transport=tcp", "tcp", ("<sip:edge;lr>",), False),
        ("sips:a@192.0.2.1:5070;transport=tcp", "tcp", (), False),
        ("sip:a@192.0.2.1:5070;transport=tcp", "tls", (), False),
        ("sip:x@1.invalid;transport=ws", "ws", (), False),
        ("sip:a@[broken;transport=tcp", "tcp", (), False),
    ],
)
def test_only_who_listens_where_he_came_from_outlives_his_connection(
    contact: str, transport: str, path: tuple[str, ...], survives: bool
) -> None:
    binding = replace(HERE, contact=contact, transport=transport, path=path)
    assert binding.survives_its_connection is survives


def test_without_a_q_it_is_the_best() -> None:
    low, none, new = replace(HERE, q=0.3), HERE, replace(HERE, q=1.0, seen_at=5)
    assert best_first([low, none, new]) == (new, none, low)
