"""The components of the worker's peak of memory, as far as each can be measured alone."""

from collections.abc import Iterable

from tests.bench.hour import Measured
from tests.bench.hours import describe
from tests.bench.key_sets import bytes_taken
from tests.bench.tables import megabytes, show


def show_keys(counts: Iterable[int]) -> None:
    """Print the memory of the key set for hours of several sizes."""
    taken = {count: bytes_taken(count) for count in counts}
    show(
        "The key set: uuids, to find duplicates",
        ("events", "MB", "bytes per event"),
        [(f"{count:,}", megabytes(size), f"{size / count:.0f}") for count, size in taken.items()],
    )


def show_components(without_line: Measured, with_line: Measured, whole: Measured) -> None:
    """Print the components of the peak of an hour with a line of 10 MB."""
    keys = bytes_taken(whole.rows.exported)
    # An upper limit: the line of 10 MB does not pass at the moment when everything else is largest.
    line = max(0, with_line.memory_peak - without_line.memory_peak)
    rest = whole.memory_peak - whole.memory_before - keys - line
    show(
        f"The peak for {describe(whole.shape)}, by component",
        ("component", "MB"),
        [
            ("libraries and app, before the hour", megabytes(whole.memory_before)),
            (f"key set of {whole.rows.exported:,} events", megabytes(keys)),
            ("a line of 10 MB: peak with it, minus peak without", megabytes(line)),
            ("the rest: blocks that are read and staged", megabytes(rest)),
            ("peak", megabytes(whole.memory_peak)),
        ],
    )
