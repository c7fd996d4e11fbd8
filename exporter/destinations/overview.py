"""Destinations as their owners and the operator see them: what was asked for, and how far it is."""

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
    """A destination, how its streams stand, and its last test upload.

    ``unreadable`` are the stored rows about it that cannot be read; what they say is not known.
    ``recent`` is what became of its rows lately; None where many destinations are listed, since it takes a
    look at the ledger for each stream.
    """

    destination: Destination
    states: list[StreamState]
    trial: ConnectionTest | None
    unreadable: tuple[Unreadable, ...] = ()
    recent: list[RecentRows] | None = None

    @property
    def failed(self) -> HourRecord | None:
        """The newest hour that failed and is not done yet."""
        failed = [state.failed for state in self.states if state.failed]
        return max(failed, key=lambda record: record.hour, default=None)

    @property
    def error(self) -> Fault | None:
        """Why it is not as it should be, if it is not."""
        if self.unreadable:
            return _unreadable_fault(self.unreadable[0])
        return self.failed.work.error if self.failed else None

    @property
    def status(self) -> Status:
        """The status as it is shown: one that is active and has failed hours is failing."""
        failing = self.destination.status is Status.ACTIVE and self.error is not None
        return Status.FAILING if failing else self.destination.status


def look_at(gateways: Gateways, destination: Destination, as_of: AsOf) -> Overview:
    """Return how a destination stands."""
    try:
        states = stream_states(gateways, destination, as_of)
        recent = recent_rows(gateways, destination, as_of)
        return Overview(destination, states, gateways.destinations.last_test(destination.id), recent=recent)
    except UnreadableRowError as error:
        log_unreadable([error.row])
        return Overview(destination, _unknown(destination), None, (error.row,))


def list_destinations(gateways: Gateways, as_of: AsOf) -> Rows[Overview]:
    """Return how all destinations stand, by id; the deleted ones are left out.

    Rows that cannot be read are told whatever they are about.

    What is read grows with the streams that owe something, not with how much was ever exported.
    """
    schedule, trials = gateways.schedule.all(), gateways.destinations.last_tests()
    notes, destinations = gateways.reopened.all(), gateways.destinations.all()
    about = schedule.unreadable + gateways.breakers.all().unreadable + trials.unreadable
    rows = (*destinations.unreadable, *about, *notes.unreadable)
    log_unreadable(rows)
    overviews = [
        Overview(
            found.value,
            stream_states(gateways, found.value, as_of, schedule, notes),
            trials.get(found.value.id),
            tuple(_of(found.value, about)),
        )
        for found in destinations
        if found.value.status is not Status.DELETED
    ]
    return Rows(overviews, sorted(rows))


def _of(destination: Destination, rows: Iterable[Unreadable]) -> Iterable[Unreadable]:
    """Return the rows that are about a destination, or a stream of it."""
    names = {destination.id, *map(str, destination.streams)}
    return (row for row in rows if row.row_key in names)


def _unknown(destination: Destination) -> list[StreamState]:
    return [StreamState(key, None, 0, None) for key in destination.streams]


def _unreadable_fault(row: Unreadable) -> Fault:
    return Fault(
        code=UNREADABLE,
        message="A record that the exporter keeps of this destination cannot be read.",
        fix=f'Ask the operator of this exporter to look for "row unreadable" in the log: {row.key}.',
    )
