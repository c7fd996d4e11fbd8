"""The ledger's gaps: an hour that no attempt was made at has no record."""

from collections.abc import Iterator

from exporter.domain.hour import Hour, hours_between
from exporter.domain.hour_record import HourRecord


def with_gaps(
    records: Iterator[HourRecord], first: Hour, last: Hour
) -> Iterator[tuple[Hour, HourRecord | None]]:
    """Yield every hour from ``first`` to ``last`` with its record, or None if the ledger has none.

    ``records`` are those of this range, oldest first.
    """
    record = next(records, None)
    for hour in hours_between(first, last):
        if record is not None and record.hour == hour:
            yield hour, record
            record = next(records, None)
        else:
            yield hour, None
