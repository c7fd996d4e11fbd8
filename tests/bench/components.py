"""Of what the worker's peak of memory is made up, as far as its parts can be measured one by one."""

from collections.abc import Iterable

from tests.bench.hour import Measured
from tests.bench.hours import describe
from tests.bench.seen_keys import bytes_taken
from tests.bench.tables import megabytes, show


def show_keys(counts: Iterable[int]) -> None:
    """Print what the set of uuids takes for hours of some sizes."""
    taken = {count: bytes_taken(count) for count in counts}
    show(
        "The set of uuids by which duplicates are known",
        ("events", "MB", "bytes per event"),
        [(f"{count:,}", megabytes(size), f"{size / count:.0f}") for count, size in taken.items()],
    )


def show_components(without_line: Measured, with_line: Measured, whole: Measured) -> None:
    """Print the parts of the peak of an hour that has a line of 10 MB."""
    keys = bytes_taken(whole.rows.exported)
    # The sharpest peak decides: a line of 10 MB passes while other things wait, so this is an upper limit.
    line = max(0, with_line.memory_peak - without_line.memory_peak)
    rest = whole.memory_peak - whole.memory_before - keys - line
    show(
        f"The peak for {describe(whole.shape)}, by component",
        ("component", "MB"),
        [
            ("libraries and app, before the hour", megabytes(whole.memory_before)),
            (f"uuids of {whole.rows.exported:,} events", megabytes(keys)),
            ("a line of 10 MB: peak with it, less peak without", megabytes(line)),
            ("the rest: blocks read and blocks under way", megabytes(rest)),
            ("peak", megabytes(whole.memory_peak)),
        ],
    )
