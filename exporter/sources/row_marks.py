"""Which rows of a file are marked, in one bit each."""


class RowMarks:
    """Marks of ``rows`` rows by their places from 0 on; ``count`` is how many are marked."""

    def __init__(self, rows: int) -> None:
        self.count = 0
        self._rows = rows
        self._bits = bytearray(-(-rows // 8))

    @property
    def all(self) -> bool:
        """Whether every row is marked."""
        return self.count == self._rows

    def mark(self, place: int) -> None:
        """Mark a row that is not marked yet."""
        self._bits[place >> 3] |= 1 << (place & 7)
        self.count += 1

    def __getitem__(self, place: int) -> int:
        return self._bits[place >> 3] >> (place & 7) & 1

    def between(self, first: int, end: int) -> list[int]:
        """Return 1 for each marked row, else 0, from the place ``first`` to before ``end``."""
        bits = self._bits
        return [bits[place >> 3] >> (place & 7) & 1 for place in range(first, end)]
