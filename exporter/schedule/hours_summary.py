"""The hours of a stream as columns of figures: what a heat map of a year shows, without the records."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from exporter.domain.destination import Destination
from exporter.domain.hour import Hour, hours_between
from exporter.domain.hour_content import HourFigures
from exporter.domain.hour_record import HourStatus
from exporter.domain.streams import StreamKey
from exporter.ports import Gateways
from exporter.schedule.ledger_view import AsOf, first_owed, not_here, shown_status

_NO_FIGURES = HourFigures()


@dataclass(frozen=True, slots=True)
class SummarizedHour:
    """An hour as people see it: ``status`` is None if nothing is owed and nothing was exported.

    An hour that is not done has no figures.
    """

    hour: Hour
    status: HourStatus | None
    figures: HourFigures = _NO_FIGURES


def summarize_hours(
    gateways: Gateways,
    destination: Destination,
    key: StreamKey,
    span: tuple[Hour, Hour],
    *,
    as_of: AsOf,
) -> Iterator[SummarizedHour]:
    """Yield every hour of a span, oldest first, with the status that ``list_hours`` gives it.

    Hours that ``list_hours`` leaves out have none.
    """
    first, last = span
    closing = as_of.closing(key.stream)
    closed = min(last, closing.newest)
    owed_from = first_owed(gateways, destination, key, as_of)
    place = destination.storage.place
    found = gateways.ledger.figures(key, first, closed)
    records = {record.hour: (record, figures) for record, figures in found}
    for hour in hours_between(first, last):
        owed = owed_from is not None and owed_from <= hour <= closed and closing.closed(hour)
        record, figures = records.get(hour, (None, _NO_FIGURES))
        if owed and not_here(record, place):
            yield SummarizedHour(hour, HourStatus.OWED)
        elif record is None:
            yield SummarizedHour(hour, None)
        else:
            status = shown_status(record, as_of.now)
            yield SummarizedHour(hour, status, figures if record.done else _NO_FIGURES)


def by_day(hours: Iterable[SummarizedHour]) -> Iterator[list[SummarizedHour]]:
    """Yield the hours of each UTC day together; ``hours`` are sorted."""
    for _, together in groupby(hours, key=lambda each: each.hour.start.date()):
        yield list(together)
