"""Repeatable randomness: every value is a pure function of a seed and of the place where it is used.

There is no generator with a state. So every event of every hour can be generated alone, in any process and on
any version of Python, and is always the same.
"""

import hashlib
from collections.abc import Sequence

_MASK = (1 << 64) - 1


def octets(count: int, *place: object) -> bytes:
    """Return bytes that look random and depend only on the place."""
    return hashlib.shake_128(repr(place).encode()).digest(count)


def mix(one: int, other: int) -> int:
    """Return 64 bits that look random and depend on both numbers (SplitMix64's finisher); fast."""
    x = (one * 0x9E3779B97F4A7C15 + other * 0xD1B54A32D192ED03 + 0x632BE59BD9B4E019) & _MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)


class Dice:
    """A sequence of random values, for pools and rare rows where speed does not matter."""

    __slots__ = ("_place", "_throws")

    def __init__(self, *place: object) -> None:
        self._place = int.from_bytes(octets(8, *place))
        self._throws = 0

    def number(self, low: int, high: int) -> int:
        """Return a number, ``low <= n <= high``."""
        self._throws += 1
        return low + mix(self._place, self._throws) % (high - low + 1)

    def pick[T](self, choices: Sequence[T]) -> T:
        """Return one of the choices."""
        return choices[self.number(0, len(choices) - 1)]

    def some[T](self, choices: Sequence[T], count_max: int) -> list[T]:
        """Return at most ``count_max`` of the choices, in their order, each once."""
        wanted = {self.number(0, len(choices) - 1) for _ in range(self.number(0, count_max))}
        return [choices[index] for index in sorted(wanted)]

    def word(self, letters: int) -> str:
        """Return hexadecimal digits."""
        return f"{self.number(0, 16**letters - 1):0{letters}x}"
