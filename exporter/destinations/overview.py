"""The status and progress of destinations."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched

from exporter.destinations.recent_rows import RecentRows, recent_rows
from exporter.domain.connection_test import ConnectionTest
from exporter.domain.data_types import DataType
from exporter.domain.destination import Destination, Status
from exporter.domain.errors import Fault
from exporter.domain.hour_record import UNREADABLE, HourRecord
from exporter.domain.hour_task import HourTask
from exporter.domain.stream_progress import StreamProgress
from exporter.domain.streams import StreamKey
from exporter.domain.versioned import Page, Unreadable, UnreadableRowError, Versioned
from exporter.notify.log_events import log_unreadable
from exporter.ports import Gateways
from exporter.schedule.ledger_view import AsOf, StreamState, stream_states

# The destinations on a page: a page whose streams all owe hours needs a ledger query for each stream.
LIMIT_DEFAULT = 50
LIMIT_MAX = 500
# The destinations whose progress is read for one page, however few of them have the status.
EXAMINED_MAX = 500
# A query that selects few destinations reads as many rows a call as the service allows, with one to spare.
_SEARCHED_ROWS = 999


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationQuery:
    """Which destinations to list: by the status that is shown, data type, and a text in id, name or target.

    ``deleted`` selects the deleted destinations, and no others. A page begins after the id ``after`` and has
    up to ``limit`` destinations.
    """

    status: Status | None = None
    data_type: DataType | None = None
    text: str = ""
    deleted: bool = False
    after: str = ""
    limit: int = LIMIT_DEFAULT

    @property
    def rows_a_page(self) -> int:
        """How many stored destinations to read at a time."""
        return _SEARCHED_ROWS if self.text or self.status or self.data_type else self.limit

    def may_select(self, destination: Destination) -> bool:
        """Whether the destination is selected, as far as it is known without its progress."""
        stored = Status.ACTIVE if self.status is Status.FAILING else self.status
        if stored not in {None, destination.status}:
            return False
        if self.data_type not in {None, *(key.stream.data_type for key in destination.streams)}:
            return False
        storage = destination.storage
        texts = [destination.id, destination.name, storage.container, storage.account_url or ""]
        texts += [str(key.stream.source_id) for key in destination.streams]
        wanted = self.text.casefold()
        return any(wanted in each.casefold() for each in texts)

    def selects(self, overview: "Overview") -> bool:
        """Whether a destination that may be selected is."""
        return self.status in {None, overview.status}


EVERY_DESTINATION = DestinationQuery()


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
        return self.failed.work.error if self.failed else None

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


def list_destinations(
    gateways: Gateways, as_of: AsOf, query: DestinationQuery = EVERY_DESTINATION
) -> Page[Overview]:
    """Return the status and progress of the selected destinations by id, page by page.

    ``unreadable`` has the stored rows of the page that cannot be read. The number of rows read grows with the
    streams of the page that owe hours, neither with the age of the ledger nor with the other destinations.
    A page may have fewer destinations than ``limit``, even none, and be followed by another one.
    """
    found, unreadable = list[Overview](), set[Unreadable]()
    for examined, (overview, more) in enumerate(overviews(gateways, as_of, query, unreadable), start=1):
        if query.selects(overview):
            found.append(overview)
        if len(found) == query.limit or examined == EXAMINED_MAX:
            # Whatever follows is left to the next page.
            return Page(found, sorted(unreadable), overview.destination.id if more else None)
    return Page(found, sorted(unreadable))


def overviews(
    gateways: Gateways, as_of: AsOf, query: DestinationQuery, unreadable: set[Unreadable]
) -> Iterator[tuple[Overview, bool]]:
    """Yield all destinations that may be selected, by id, each with whether others may follow it.

    What is stored about them is read for ``limit`` destinations at a time. Rows that cannot be read are
    logged, and added to ``unreadable``.
    """

    def report(rows: tuple[Unreadable, ...]) -> None:
        log_unreadable(rows)
        unreadable.update(rows)

    reopened, after = gateways.reopened.all(), query.after
    report(reopened.unreadable)
    while True:
        page = gateways.destinations.page(after, query.rows_a_page, deleted=query.deleted)
        report(page.unreadable)
        for batch in batched(filter(query.may_select, page), query.limit, strict=False):
            about = _StoredAbout.of(gateways, batch)
            report(about.unreadable)
            for destination in batch:
                more = page.next_after is not None or destination is not page[-1]
                yield about.overview(gateways, destination, as_of, reopened), more
        if page.next_after is None:
            return
        after = page.next_after


@dataclass(frozen=True, slots=True)
class _StoredAbout:
    """What is stored about some destinations besides the ledger; ``unreadable`` are its bad rows."""

    schedule: Mapping[StreamKey, StreamProgress]
    tests: Mapping[str, ConnectionTest]
    unreadable: tuple[Unreadable, ...]

    @classmethod
    def of(cls, gateways: Gateways, destinations: Sequence[Destination]) -> "_StoredAbout":
        """Read it for destinations that are sorted by id."""
        first, last = destinations[0].id, destinations[-1].id
        streams = sorted((key for each in destinations for key in each.streams), key=str)
        schedule = gateways.schedule.between(streams[0], streams[-1])
        tests = gateways.destinations.last_tests(first, last)
        breakers = gateways.breakers.between(first, last)
        return cls(schedule, tests, schedule.unreadable + breakers.unreadable + tests.unreadable)

    def overview(
        self, gateways: Gateways, destination: Destination, as_of: AsOf, notes: list[Versioned[HourTask]]
    ) -> Overview:
        """Return the status and progress of one of the destinations."""
        return Overview(
            destination,
            stream_states(gateways, destination, as_of, self.schedule, notes),
            self.tests.get(destination.id),
            tuple(_about(destination, self.unreadable)),
        )


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
