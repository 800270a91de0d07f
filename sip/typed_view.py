"""Typed views of raw headers: parsed on first access, then kept until the header changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar, overload

from sip.errors import ParseError

T = TypeVar("T")


class Viewed(Protocol):
    """What an object with typed views does about a view that cannot be parsed."""

    def blame(self, error: ParseError) -> None:
        """Note on `error` whose fault it is."""
        ...


class TypedView(Generic[T]):
    """A property that stores its value on the instance, where the next access finds it without coming here.

    `header` is the canonical name of the header whose change makes the value stale. The instance may be
    given the value beforehand by plain assignment.
    """

    def __init__(self, header: str, parse: Callable[[Any], T]) -> None:
        self._header = header
        self._parse = parse
        self._name = ""
        self.__doc__ = parse.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name
        _views.setdefault(self._header, []).append(name)

    @overload
    def __get__(self, instance: None, owner: type) -> TypedView[T]: ...
    @overload
    def __get__(self, instance: Viewed, owner: type) -> T: ...
    def __get__(self, instance: Viewed | None, owner: type) -> T | TypedView[T]:
        if instance is None:
            return self
        try:
            value = self._parse(instance)
        except ParseError as error:
            # A view may be opened long after parsing; the fault can still be answered.
            instance.blame(error)
            raise
        setattr(instance, self._name, value)
        return value


_views: dict[str, list[str]] = {}


def typed_view(header: str) -> Callable[[Callable[[Any], T]], TypedView[T]]:
    """Decorates the method that parses the view; `header` is a canonical name."""
    return lambda parse: TypedView(header, parse)


def forget_views(instance: object, header: str) -> None:
    """Drop what `instance` keeps of `header`, which has changed."""
    for attribute in _views.get(header, ()):
        instance.__dict__.pop(attribute, None)
