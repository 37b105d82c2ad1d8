"""What each name held from which event on, within one batch: parameters, buffers, gradients, optimizer states.

Keys are a parameter's or buffer's full name, "d" and a parameter's full name for its gradient, and for an optimizer's
state of a parameter (optimizer, full name); for a group's hyper-parameters (optimizer, number of the group).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any


class Later(LookupError):  # noqa: N818 - it says when, and is often no error
    """What is asked for comes to be with a later event of the batch."""

    def __init__(self, event: int) -> None:
        super().__init__(event)
        self.event = event


GONE = object()  # a gradient that was dropped
LEFT = object()  # what the batch left in the end


class Versions:
    """`first` and `last` say what a key held before the batch and after it; they raise KeyError for what they lack."""

    def __init__(self, first: Callable[[Any], Any], last: Callable[[Any], Any]) -> None:
        self._first, self._last = first, last
        self._puts: dict[Hashable, list[tuple[int, Any]]] = {}

    def put(self, key: Hashable, event: int, value: Any = LEFT) -> None:
        """From this event on, `key` holds `value`."""
        self._puts.setdefault(key, []).append((event, value))

    def puts(self) -> dict[Hashable, list[tuple[int, Any]]]:
        """Everything that was put, by its key."""
        return self._puts

    def put_all(self, puts: dict[Hashable, list[tuple[int, Any]]]) -> None:
        """Put what another had."""
        self._puts.update(puts)

    def get(self, key: Hashable, done: int) -> Any:
        """The newest version at or before event `done`. Raises Later where only later ones are, KeyError for none."""
        found = self.newest(key, done)
        if found is not None:
            return self._value(key, found[1])
        try:
            return self._first(key)
        except KeyError:
            later = next((event for event, value in self._puts.get(key, ()) if event > done and value is not GONE), 0)
            if later:
                raise Later(later) from None
            raise

    def newest(self, key: Hashable, done: int) -> tuple[int, Any] | None:
        """The event and value put last at or before event `done`, unless it is gone since."""
        found = next((put for put in reversed(self._puts.get(key, ())) if put[0] <= done), None)
        return None if found is None or found[1] is GONE else found

    def before(self, key: Hashable, event: int) -> Any:
        """What an event found."""
        return self.get(key, event - 1)

    def events(self, key: Hashable) -> list[int]:
        """The events that changed a key, in order."""
        return [event for event, _ in self._puts.get(key, ())]

    def keys(self) -> Iterator[Hashable]:
        """Everything that was put."""
        return iter(self._puts)

    def _value(self, key: Hashable, value: Any) -> Any:
        return self._last(key) if value is LEFT else value
