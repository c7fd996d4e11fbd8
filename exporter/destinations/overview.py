"""The status and progress of destinations."""

from collections.abc import Iterable
from dataclasses import dataclass

from exporter.destinations.recent_rows import RecentRows, recent_rows
from exporter.domain.connection_test import ConnectionTest
from exporter.domain.destination import Destination, Status
from exporter.domain.errors import Fault
from exporter.domain.hour_record import UNREADABLE, HourRecord
from exporter.domain.versioned import Rows, Unreadable, UnreadableRowError
from exporter.notify.log_events import log_unreadable
from exporter.ports import Gateways
from exporter.schedule.ledger_view import AsOf, StreamState, stream_states


@dataclass(frozen=True, slots=True)
class Overview:
    """A destination, the state of its streams, and its last test upload.

    ``unreadable`` are the stored rows about it that cannot be read. ``recent`` is None in lists of
    destinations: it needs a ledger query for each stream.
    """

    destination: Destination
    states: list[StreamState]
    last_test: ConnectionTest | None
    unreadable: tuple[Unreadable, ...] = ()
    recent: list[RecentRows] | None = None

    @property
    def failed(self) -> HourRecord | None:
        """The newest hour that failed and is not done."""
        failed = [state.failed for state in self.states if state.failed]
        return max(failed, key=lambda record: record.hour, default=None)

    @property
    def error(self) -> Fault | None:
        """The newest error, or None."""
        if self.unreadable:
            return _unreadable_fault(self.unreadable[0])
        return self.failed.error if self.failed else None

    @property
    def status(self) -> Status:
        """The status; an active destination with an error is failing."""
        failing = self.destination.status is Status.ACTIVE and self.error is not None
        return Status.FAILING if failing else self.destination.status


def overview_of(gateways: Gateways, destination: Destination, as_of: AsOf) -> Overview:
    """Return the status and progress of a destination."""
    try:
        states = stream_states(gateways, destination, as_of)
        recent = recent_rows(gateways.ledger, destination, as_of)
        return Overview(destination, states, gateways.destinations.last_test(destination.id), recent=recent)
    except UnreadableRowError as error:
        log_unreadable([error.row])
        return Overview(destination, _unknown_states(destination), None, (error.row,))


def list_destinations(gateways: Gateways, as_of: AsOf) -> Rows[Overview]:
    """Return the status and progress of all destinations by id, without the deleted ones.

    ``unreadable`` has every stored row that cannot be read, whatever it is about. The number of rows read
    grows with the streams that owe hours, not with the age of the ledger.
    """
    schedule, tests = gateways.schedule.all(), gateways.destinations.last_tests()
    reopened, destinations = gateways.reopened.all(), gateways.destinations.all()
    about = schedule.unreadable + gateways.breakers.all().unreadable + tests.unreadable
    rows = (*destinations.unreadable, *about, *reopened.unreadable)
    log_unreadable(rows)
    overviews = [
        Overview(
            found.value,
            stream_states(gateways, found.value, as_of, schedule, reopened),
            tests.get(found.value.id),
            tuple(_about(found.value, about)),
        )
        for found in destinations
        if found.value.status is not Status.DELETED
    ]
    return Rows(overviews, sorted(rows))


def _about(destination: Destination, rows: Iterable[Unreadable]) -> Iterable[Unreadable]:
    """Return the rows about a destination or one of its streams."""
    names = {destination.id, *map(str, destination.streams)}
    return (row for row in rows if row.row_key in names)


def _unknown_states(destination: Destination) -> list[StreamState]:
    return [StreamState(key, None, 0, None) for key in destination.streams]


def _unreadable_fault(row: Unreadable) -> Fault:
    return Fault(
        code=UNREADABLE,
        message="A stored record of this destination cannot be read.",
        fix=f'Ask the operator of this exporter to search the log for "row unreadable": {row.key}.',
    )
