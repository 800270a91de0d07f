"""Every message survives the way to the other process, and other code is found out before it does harm."""

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect

from media import messages
from media.config import MediaConfig
from media.worker import protocol as p

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
NUMBERS = st.integers(-(2**63), 2**64 - 1)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)
SIMPLE: dict[type[inspect.Type], st.SearchStrategy[Any]] = {
    inspect.StrType: TEXT,
    inspect.IntType: NUMBERS,
    inspect.FloatType: st.floats(allow_nan=False),
    inspect.BoolType: st.booleans(),
    inspect.BytesType: st.binary(max_size=64),
    inspect.NoneType: st.none(),
    inspect.AnyType: JSON,
}


def values_of(kind: inspect.Type) -> st.SearchStrategy[Any]:
    """Any value of a type that a message may hold."""
    if type(kind) in SIMPLE:
        return SIMPLE[type(kind)]
    if isinstance(kind, inspect.UnionType):
        return st.one_of([values_of(part) for part in kind.types])
    if isinstance(kind, inspect.EnumType):
        return st.sampled_from(list(kind.cls))
    if isinstance(kind, inspect.DictType):
        return st.dictionaries(values_of(kind.key_type), values_of(kind.value_type), max_size=3)
    if isinstance(kind, inspect.ListType):
        return st.lists(values_of(kind.item_type), max_size=3)
    if isinstance(kind, inspect.VarTupleType):
        return st.lists(values_of(kind.item_type), max_size=3).map(tuple)
    if isinstance(kind, inspect.TupleType):
        return st.tuples(*(values_of(part) for part in kind.item_types))
    if isinstance(kind, inspect.StructType | inspect.DataclassType):
        fields = {field.name: values_of(field.type) for field in kind.fields}
        return st.builds(kind.cls, **fields)
    raise AssertionError(f"a message holds a {kind}: teach this test to make one")


def messages_of(union: Any) -> list[type[msgspec.Struct]]:
    return sorted(get_args(union), key=lambda kind: str(kind.__name__))


@pytest.mark.parametrize("kind", messages_of(messages.Command))
@settings(max_examples=15)
@given(st.data())
def test_a_command_reaches_the_worker_as_it_was_given(kind: type, data: st.DataObject) -> None:
    sent = p.Order(command=data.draw(values_of(inspect.type_info(kind))))
    assert p.decode_to_worker(p.encode(sent)) == sent


@pytest.mark.parametrize("kind", messages_of(messages.Event))
@settings(max_examples=15)
@given(st.data())
def test_an_event_reaches_the_gateway_as_it_was_told(kind: type, data: st.DataObject) -> None:
    sent = p.Told(event=data.draw(values_of(inspect.type_info(kind))))
    assert p.decode_from_worker(p.encode(sent)) == sent


@pytest.mark.parametrize("kind", [kind for kind in messages_of(p.ToWorker) if kind is not p.Order])
@settings(max_examples=10)
@given(st.data())
def test_a_request_reaches_the_worker(kind: type, data: st.DataObject) -> None:
    sent = data.draw(values_of(inspect.type_info(kind)))
    assert p.decode_to_worker(p.encode(sent)) == sent


@pytest.mark.parametrize("kind", [kind for kind in messages_of(p.FromWorker) if kind is not p.Told])
@settings(max_examples=10)
@given(st.data())
def test_an_answer_reaches_the_gateway(kind: type, data: st.DataObject) -> None:
    sent = data.draw(values_of(inspect.type_info(kind)))
    assert p.decode_from_worker(p.encode(sent)) == sent


def test_whole_numbers_beyond_64_bits_lose_digits_but_not_the_message() -> None:
    big = {"id": 10**30, "list": [-(2**70)], "huge": 10**400, "small": 7}
    event = messages.EngineMessageReceived(leg_id="1", message=big)
    received = p.decode_from_worker(p.encode(p.Told(event=event)))
    assert isinstance(received, p.Told)
    assert isinstance(received.event, messages.EngineMessageReceived)
    message = received.event.message
    assert (message["id"], message["list"], message["small"]) == (1e30, [-(2.0**70)], 7)
    assert message["huge"] == str(10**400)


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x81\xa4type\xa5Dance", b"\xc1" * 20, b"\xff" * 5])
def test_nonsense_is_refused_in_our_own_words(data: bytes) -> None:
    for decode in (p.decode_to_worker, p.decode_from_worker, p.decode_hello, p.decode_welcome):
        with pytest.raises(p.ProtocolError):
            decode(data)


def test_settings_arrive_with_the_hello() -> None:
    sent = p.WorkerSettings(
        media=MediaConfig(bind_host="::1", port_low=4000, port_rest_s=1.5),
        resting_ports={4002: 12.5},
        heartbeat_s=0.25,
    )
    hello = p.decode_hello(p.encode_hello(sent))
    assert p.mismatch(hello.version, hello.fingerprint) is None
    assert p.decode_settings(hello) == sent


def test_a_hello_of_another_version_can_still_be_read() -> None:
    future = {"version": 99, "fingerprint": "f", "settings": {"unheard": True}, "extra": [1]}
    hello = p.decode_hello(msgspec.msgpack.encode(future))
    error = p.mismatch(hello.version, hello.fingerprint)
    assert error is not None
    assert "99" in error


def test_the_same_version_with_other_messages_is_found_out() -> None:
    assert p.mismatch(p.PROTOCOL_VERSION, p.fingerprint()) is None
    error = p.mismatch(p.PROTOCOL_VERSION, "0123456789abcdef")
    assert error is not None
    assert "0123456789abcdef" in error
