"""What may be used in a minute: requests, or tokens."""

from collections.abc import Callable

INSTANT = 1e-6
"""Seconds and tokens that do not count: sums of fractions never come out even."""


class Allowance:
    """What may be used in a minute, evenly: a second's worth of it at once, or one request. `clock`: gives seconds."""

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._rate = per_minute / 60
        self._room = max(1.0, self._rate)
        self._level = self._room
        self._filled_at = clock()

    def find_pause(self, amount: int) -> float:
        """Seconds until an amount may be used; one larger than the room only waits until the room is full."""
        now = self._clock()
        self._level = min(self._room, self._level + (now - self._filled_at) * self._rate)
        self._filled_at = now
        missing = min(amount, self._room) - self._level
        return missing / self._rate if missing > INSTANT else 0.0

    def use(self, amount: int) -> None:
        """Take an amount, into debt if need be; a negative one gives back."""
        self._level -= amount
