"""A table of the written files and of what an export of them must yield."""

from collections.abc import Iterable, Iterator

from infra.local.sample.landing import LandingHour
from infra.local.sample.recipe import DataType
from infra.local.sample.truth import Counts
from infra.local.sample.writers import Written

# For more than two days, the table has one line a day.
_HOURLY_LINES_MAX = 48
_HOUR_FORMAT = "%Y-%m-%dT%H"
_DAY_FORMAT = "%Y-%m-%d"
_COLUMNS = "{:<14}{:<11}{:>7}{:>14}{:>14}{:>10}{:>9}{:>14}"


def summary(hours: list[LandingHour], written: Iterable[Written], *, late: bool) -> Iterator[str]:
    """Yield a line for each hour (in long ranges: each day) and data type, and the totals."""
    by_day = len(hours) > _HOURLY_LINES_MAX
    blobs: dict[tuple[str, DataType], list[int]] = {}
    counts: dict[tuple[str, DataType], Counts] = {}
    sizes = {each.name: each.size for each in written}
    for hour in hours:
        for data_type in DataType:
            line = hour.start.strftime(_DAY_FORMAT if by_day else _HOUR_FORMAT), data_type
            files = hour.late_files(data_type) if late else hour.files(data_type)
            truth = hour.late_truth(data_type) if late else hour.truth(data_type)
            blobs.setdefault(line, []).extend(sizes[file.name] for file in files)
            counts[line] = counts.get(line, Counts()) + truth.counts()
    yield _COLUMNS.format(
        *("day" if by_day else "hour", "type", "blobs", "rows", "to export", "duplicate", "rejected", "size")
    )
    for (when, data_type), some in blobs.items():
        yield _COLUMNS.format(when, data_type, len(some), *_figures(counts[when, data_type]), _mb(sum(some)))
    for data_type in DataType:
        sizes_of_type = [size for (_, each), some in blobs.items() if each is data_type for size in some]
        total = sum((count for (_, each), count in counts.items() if each is data_type), start=Counts())
        yield _COLUMNS.format(
            "total", data_type, len(sizes_of_type), *_figures(total), _mb(sum(sizes_of_type))
        )


def _figures(counts: Counts) -> tuple[str, str, str, str]:
    return f"{counts.read:,}", f"{counts.exported:,}", f"{counts.duplicate:,}", f"{counts.rejected:,}"


def _mb(size: int) -> str:
    return f"{size / 1e6:,.3f} MB"
