"""What is true of a simulated world, found out without the product: what landed, and what a reader sees.

Nothing here asks the product what it has done. Files are opened and counted; what was ever readable is
remembered; what the ledger, the markers and ``verify`` say is held against that.
"""

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from exporter.domain.allowed_hosts import same_container
from exporter.domain.data_types import DataType
from exporter.domain.destination import Destination
from exporter.domain.hour import Hour, hours_between
from exporter.domain.hour_record import HourRecord
from exporter.domain.marker import Marker, Part
from exporter.domain.streams import LandingFingerprint, Stream, StreamKey
from exporter.domain.verification import Code, Verdict
from exporter.verify.hour import verify_hour
from tests.support.fakes.blobs import FakeBlob, FakeLanding
from tests.support.fakes.world import World

FIRST = Hour.parse("2026-01-31T01")
LAST = Hour.parse("2026-01-31T02")
HOURS = (FIRST, LAST)
# Others' files in the same container, with names made to be confused with those of the hours 1 and 2. None of
# them is the name of any hour: some worlds last for more than a day.
NEIGHBOURS = (
    "187520_2026-01-31_1x#1.json.gz",
    "187520_2026-01-31_1x_complete",
    "187520_2026-01-31_1#1.json.gz.bak",
    "187520_2026-01-31_2_complete_",
    "1875201_2026-01-31_1#1.json.gz",
    "x/187520_2026-01-31_1#1.json.gz",
    "-189524_2026-01-31_1x.json.gz",
)
# A row's number tells its hour (hundreds) and, by this divisor, whether the narrow filter keeps it.
VIEW_EVERY = 3
_FILE = re.compile(r"(?:.*/)?(-?\d+)_(\d{4}-\d\d-\d\d)_(\d+)(?:[#_](\d+))?\.json\.gz")
_MARKER = re.compile(r"(?:.*/)?(-?\d+)_(\d{4}-\d\d-\d\d)_(\d+)_complete")

type Rows = frozenset[int]


class BrokenPromise(AssertionError):
    """Something that was promised does not hold. ``kind`` says what, in the same words in every world.

    ``happened`` are the kinds of event that came about before.
    """

    def __init__(self, kind: str, detail: object = "") -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind = kind
        self.happened: frozenset[str] = frozenset()


def is_view(number: int) -> bool:
    """Whether the narrow filter drops an event."""
    return number % VIEW_EVERY == 0


def hour_of(number: int) -> Hour:
    """Return the hour of a row."""
    return FIRST.plus(number // 100 - FIRST.start.hour)


@dataclass(frozen=True, slots=True)
class Landed:
    """A blob that landed: the numbers of its proper rows, and the texts of its malformed lines."""

    stream: Stream
    hour: Hour
    rows: tuple[int, ...]
    malformed: tuple[str, ...] = ()


@dataclass
class Truth:
    """What happened in a world, and what its readers see.

    ``containers`` are those that each destination ever used, in this order; ``narrowed`` the destinations
    that had a filter at some time, so that events which it drops need not be readable; ``losses`` the hours
    for which a person accepted that they are replaced by less. ``unmarked`` are markers that readers deleted.
    """

    world: World
    containers: dict[str, list[str]] = field(default_factory=dict)
    landed: dict[str, Landed] = field(default_factory=dict)
    put_at: dict[str, datetime] = field(default_factory=dict)
    readable: dict[StreamKey, set[int]] = field(default_factory=dict)
    kept: dict[str, set[str]] = field(default_factory=dict)
    narrowed: set[str] = field(default_factory=set)
    losses: set[tuple[StreamKey, Hour]] = field(default_factory=set)
    inherited: set[tuple[StreamKey, Hour]] = field(default_factory=set)
    unmarked: set[tuple[str, str]] = field(default_factory=set)
    foreign: dict[str, tuple[int, ...]] = field(default_factory=dict)
    neighbours: dict[str, str | None] = field(default_factory=dict)
    written: dict[tuple[StreamKey, Hour], datetime] = field(default_factory=dict)
    _begun: dict[tuple[StreamKey, Hour], datetime] = field(default_factory=dict)
    _files: dict[str, tuple[DataType, tuple[int, ...]]] = field(default_factory=dict)
    _markers: dict[str, Marker | None] = field(default_factory=dict)
    _rejected: dict[str, tuple[str, ...]] = field(default_factory=dict)

    # What readers see.

    def files(self, container: str) -> Iterator[tuple[str, FakeBlob]]:
        """Yield the data files of a container that have our names, no matter which program wrote them."""
        for name, blob in self.world.reader(container).committed.items():
            if name.endswith(".gz") and name not in NEIGHBOURS and _FILE.fullmatch(name):
                yield name, blob

    def rows_of(self, blob: FakeBlob) -> tuple[DataType, tuple[int, ...]]:
        """Return the numbers of the rows in a file."""
        known = self._files.get(blob.etag)
        if known is None:
            try:
                rows = [json.loads(line) for line in gzip.decompress(blob.body).splitlines()]
            except (OSError, ValueError) as error:
                raise BrokenPromise("another program's file is taken for ours", blob.body[:100]) from error
            merges = bool(rows) and "amplitude_id" in rows[0] and "scope" in rows[0]
            numbers = [row["amplitude_id"] - 900 if merges else int(row["uuid"][-12:]) for row in rows]
            known = (DataType.MERGED_IDS if merges else DataType.EVENTS, tuple(numbers))
            self._files[blob.etag] = known
        return known

    def seen(self, container: str) -> dict[DataType, Counter[int]]:
        """Count every row that a reader of all files of a container finds."""
        found: dict[DataType, Counter[int]] = {each: Counter() for each in DataType}
        for _, blob in self.files(container):
            data_type, numbers = self.rows_of(blob)
            found[data_type].update(numbers)
        return found

    def marker_of(self, blob: FakeBlob) -> Marker | None:
        """Read a marker; None if it is none."""
        if blob.etag not in self._markers:
            try:
                self._markers[blob.etag] = Marker.from_json(blob.body)
            except ValueError:
                self._markers[blob.etag] = None
        return self._markers[blob.etag]

    def markers(self, container: str) -> Iterator[tuple[str, Marker]]:
        """Yield the markers of a container by name."""
        for name, blob in self.world.reader(container).committed.items():
            if name not in NEIGHBOURS and _MARKER.fullmatch(name):
                marker = self.marker_of(blob)
                if marker is not None:
                    yield name, marker

    def rejected(self, destination_id: str) -> Counter[str]:
        """Count the malformed lines that are kept of a destination."""
        found: Counter[str] = Counter()
        for name, blob in self.world.rejected.committed.items():
            if name.startswith(f"{destination_id}/"):
                found.update(self.texts_of(blob))
        return found

    # What is looked at after every write.

    def observe(self, record: HourRecord, before: HourRecord | None, now: datetime) -> None:
        """Remember when, by the true time, the attempt began that has recorded a whole hour."""
        place = (record.key, record.hour)
        if record.work.started_at is not None and record.work.started_at != (
            before.work.started_at if before else None
        ):
            self._begun[place] = now
        if (
            record.journal.committing
            and record.content.origin.kept is None
            and record.written_at == record.work.started_at
        ):
            self.written[place] = self._begun.get(place, now)

    def look(self, what: str) -> None:
        """Look at every container as a reader would: no row twice, every marker true, the ledger right."""
        for destination_id, containers in self.containers.items():
            for container in containers:
                for data_type, counts in self.seen(container).items():
                    twice = [number for number, count in counts.items() if count > 1]
                    if twice:
                        names = self._places(container, data_type, twice[0])
                        raise BrokenPromise(
                            f"a reader sees a row twice ({data_type})",
                            f"{twice[0]} in {names} of {container} after {what}",
                        )
                    self._remember(destination_id, data_type, counts)
                self._markers_are_true(container, what)
            self._ledger_is_right(destination_id, what)

    def _places(self, container: str, data_type: DataType, number: int) -> list[str]:
        files = ((name, self.rows_of(blob)) for name, blob in self.files(container))
        return sorted(name for name, (kind, rows) in files if kind is data_type and number in rows)

    def _remember(self, destination_id: str, data_type: DataType, counts: Iterable[int]) -> None:
        found = self.world.destinations.rows.get((destination_id,))
        for key in found.value.streams if found else ():
            if key.stream.data_type is data_type:
                self.readable.setdefault(key, set()).update(counts)

    def _markers_are_true(self, container: str, what: str) -> None:
        committed = self.world.reader(container).committed
        for name, marker in self.markers(container):
            for part in marker.parts:
                there = committed.get(part.name)
                if there is None or not _same(there, part):
                    raise BrokenPromise(
                        "a marker is not true", f"{name} names {part.name}, which is not so, after {what}"
                    )
                if len(self.rows_of(there)[1]) != part.rows:
                    raise BrokenPromise("a marker counts wrong", f"{name}: {part} after {what}")

    def _ledger_is_right(self, destination_id: str, what: str) -> None:
        for row in self.world.ledger.rows.values():
            record = row.value
            if record.done and record.work.claim is None and record.key.destination_id == destination_id:
                self._record_is_right(record, what)

    def _record_is_right(self, record: HourRecord, what: str) -> None:
        place = f"{record.key} {record.hour} after {what}"
        counted = 0
        for part in record.content.parts:
            there = [
                blob
                for container in self.containers[record.key.destination_id]
                if (blob := self.world.reader(container).committed.get(part.name)) and _same(blob, part)
            ]
            if not there:
                raise BrokenPromise("the ledger lists a file that is not there", f"{part.name}, {place}")
            counted += len(self.rows_of(there[0])[1])
        if counted != record.content.rows.exported:
            raise BrokenPromise(
                "the ledger counts other rows than the files have",
                f"{record.content.rows.exported}, files {counted}, {place}",
            )

    def remember_rejected(self, record: HourRecord) -> None:
        """Remember which malformed lines a done hour lists, so that their loss is noticed."""
        listed = 0
        for name in record.content.rejected:
            blob = self.world.rejected.committed.get(name)
            if blob is None:
                raise BrokenPromise("the ledger lists rejected lines that are not there", name)
            texts = self.texts_of(blob)
            listed += len(texts)
            self.kept.setdefault(record.key.destination_id, set()).update(texts)
        # Of an hour that was found in the container, how many there were is not known.
        if listed < record.content.rows.rejected:
            raise BrokenPromise(
                "the ledger counts more rejected lines than it lists",
                f"{record.content.rows.rejected}, listed {listed}, {record.key} {record.hour}",
            )

    def texts_of(self, blob: FakeBlob) -> tuple[str, ...]:
        """Return the malformed lines in a blob of rejected rows."""
        if blob.etag not in self._rejected:
            rows = [json.loads(line) for line in gzip.decompress(blob.body).splitlines()]
            self._rejected[blob.etag] = tuple(row["row"] for row in rows)
        return self._rejected[blob.etag]

    # What is looked at in the end.

    def landing_of(self, key: StreamKey, hour: Hour) -> dict[str, Landed]:
        """Return the blobs of an hour that are in landing now."""
        return {
            name: blob
            for name, blob in self.landed.items()
            if (blob.stream, blob.hour) == (key.stream, hour) and name in self.world.landed.committed
        }

    def complete(self, key: StreamKey, hour: Hour) -> bool:
        """Whether landing holds everything that was ever readable of an hour."""
        there = {number for blob in self.landing_of(key, hour).values() for number in blob.rows}
        return self.ever(key, hour) <= there

    def ever(self, key: StreamKey, hour: Hour) -> set[int]:
        """Return what was ever readable of an hour."""
        return {number for number in self.readable.get(key, ()) if hour_of(number) == hour}

    def must(self, key: StreamKey, hour: Hour) -> set[int]:
        """Return the rows of an hour that have to be readable in the end."""
        landing = {number for blob in self.landing_of(key, hour).values() for number in blob.rows}
        ever = set() if (key, hour) in self.losses else self.ever(key, hour)
        wanted = landing | ever
        if key.destination_id in self.narrowed and key.stream.data_type is DataType.EVENTS:
            wanted = {number for number in wanted if not is_view(number)}
        return wanted

    def settle(self, destination: Destination) -> None:
        """Look whether everything that was promised to a destination was kept, now that nothing is left."""
        for key in destination.streams:
            data_type = key.stream.data_type
            for hour in HOURS:
                self._rows_are_there(destination, key, hour)
                self.agrees(destination, key, hour)
            known = {number for blob in self.landed.values() for number in blob.rows}
            known |= {number for numbers in self.foreign.values() for number in numbers}
            for container in self.containers[destination.id]:
                strange = set(self.seen(container)[data_type]) - known
                if strange:
                    raise BrokenPromise("rows that never landed", sorted(strange))
            self._emptiness_is_true(destination, key)
        self._rejects_are_kept(destination)
        for container in self.containers[destination.id]:
            self._markers_are_single(container)
        reader = self.world.reader()
        if {name: reader.etag(name) for name in NEIGHBOURS} != self.neighbours:
            raise BrokenPromise("a neighbour was changed")

    def _rows_are_there(self, destination: Destination, key: StreamKey, hour: Hour) -> None:
        found = {each: set(self.seen(each)[key.stream.data_type]) for each in self.containers[destination.id]}
        must = self.must(key, hour)
        stays = self.stays_elsewhere(destination, key, hour)
        everywhere = set().union(*found.values())
        lost = sorted(must - everywhere)
        if lost:
            was = self.ever(key, hour)
            gone = [number for number in lost if number in was]
            if gone:
                raise BrokenPromise(
                    f"rows that were readable are gone ({key.stream.data_type})", f"{gone} of {hour}"
                )
            if not (stays or self._may_be_refused(key, hour)):
                raise BrokenPromise(
                    f"rows in landing were never exported ({key.stream.data_type})", f"{lost} of {hour}"
                )
        here = found[destination.storage.container]
        if not stays and self.complete(key, hour) and not (must - set(lost)) <= here:
            raise BrokenPromise(
                "what landing holds is not in the destination's new container",
                f"{sorted(must - here)} of {key} {hour}",
            )

    def stays_elsewhere(self, destination: Destination, key: StreamKey, hour: Hour) -> bool:
        """Whether an hour stays in a former container, and its record says why.

        Landing does not hold every blob that it was made of, or it is not known which these were.
        """
        found = self.world.ledger.get(key, hour)
        if found is None or same_container(found.value.content.origin.target, destination.target):
            return False
        exported = found.value.content.origin.landing
        blobs = FakeLanding(self.world.landed).blobs(key.stream, hour)
        whole = exported is not None and LandingFingerprint.of(blobs).holds(exported)
        return found.value.work.refused is not None and not whole

    def _emptiness_is_true(self, destination: Destination, key: StreamKey) -> None:
        """Look whether hours that have rows are said to be empty, in the container of now.

        What is in another container, and not in landing any more, is not known once the ledger is lost.
        """
        container = destination.storage.container
        for name, marker in self.markers(container):
            ours = marker.data_type is key.stream.data_type and marker.hour in HOURS
            if not ours or marker.rows > 0:
                continue
            known = {number for blob in self.landing_of(key, marker.hour).values() for number in blob.rows}
            for file, blob in self.files_of(container, key, marker.hour).items():
                if not self._is_strange(destination, key, marker.hour, file):
                    known |= set(self.rows_of(blob)[1])
            if rows := self.must(key, marker.hour) & known:
                raise BrokenPromise(
                    "a marker says that nothing happened in an hour that has rows",
                    f"{name} in {container}: {sorted(rows)}",
                )

    def _may_be_refused(self, key: StreamKey, hour: Hour) -> bool:
        """Whether rows that landed late may stay out, because the hour says why it stays as it is.

        Merged ids are one file: to append to it is to write it again, which is not possible once landing does
        not hold all of it. Events become further files, so that nothing keeps them out.
        """
        found = self.world.ledger.get(key, hour)
        refused = found is not None and found.value.work.refused is not None
        return refused and key.stream.data_type is DataType.MERGED_IDS and not self.complete(key, hour)

    def files_of(self, container: str, key: StreamKey, hour: Hour) -> dict[str, FakeBlob]:
        """Return the files of an hour in a container, by whatever names."""
        owner = key.stream.owner
        found = {}
        for name, blob in self.files(container):
            match = _FILE.fullmatch(name)
            if match and (match[1], match[2], match[3]) == (owner, hour.date, str(hour.start.hour)):
                found[name] = blob
        return found

    def agrees(self, destination: Destination, key: StreamKey, hour: Hour) -> None:
        """Look whether what ``verify`` says of an hour is so."""
        problems = self.judge(destination, key, hour)
        if problems is None:
            return
        found = self.world.ledger.get(key, hour)
        if found is None or not found.value.done:
            return
        container = self.world.containers.open(destination)
        now = datetime.max.replace(tzinfo=hour.start.tzinfo) - timedelta(days=1)
        checked = verify_hour(self.world.gateways, destination, container, found.value, lambda: now)
        codes = [finding.code for finding in checked.findings]
        if checked.verdict is Verdict.WHOLE and problems:
            raise BrokenPromise("verify calls whole what is wrong", f"{key} {hour}: {problems}")
        if checked.verdict is Verdict.ELSEWHERE and self._is_here(destination, found.value):
            raise BrokenPromise("verify says that an hour is elsewhere which is here", f"{key} {hour}")
        if checked.verdict is Verdict.WRONG and not problems:
            if set(codes) == {Code.LANDING_CHANGED} and self._landing_is_new(key, hour):
                return
            raise BrokenPromise(
                f"verify calls wrong what is whole ({', '.join(sorted(set(codes)))})", f"{key} {hour}"
            )

    def _is_here(self, destination: Destination, record: HourRecord) -> bool:
        here = self.world.reader(destination.storage.container).committed
        return bool(record.content.parts) and all(
            (blob := here.get(part.name)) is not None and _same(blob, part) for part in record.content.parts
        )

    def _landing_is_new(self, key: StreamKey, hour: Hour) -> bool:
        """Whether something was put into landing since the hour was exported, if only put again."""
        written = self.written.get((key, hour))
        return written is None or any(self.put_at[name] >= written for name in self.landing_of(key, hour))

    def judge(self, destination: Destination, key: StreamKey, hour: Hour) -> list[str] | None:
        """Return what is wrong with a done hour in the container of now; None if it is done elsewhere.

        Counted independently of ``verify``: by opening every file that is the hour's, by any name.
        """
        found = self.world.ledger.get(key, hour)
        if found is None or not found.value.done:
            return ["it is not done"]
        record, container = found.value, destination.storage.container
        moved = len(self.containers[key.destination_id]) > 1
        if moved and not (record.content.parts and self._is_here(destination, record)):
            return None
        files = self.files_of(container, key, hour)
        listed = {part.name: part for part in record.content.parts}
        return [
            *(
                f"{name} is not as listed"
                for name, part in listed.items()
                if name not in files or not _same(files[name], part)
            ),
            *(
                f"{name} is surplus"
                for name in files
                if name not in listed and not self._is_strange(destination, key, hour, name)
            ),
            *self._wrong_markers(destination, record),
        ]

    def _is_strange(self, destination: Destination, key: StreamKey, hour: Hour, name: str) -> bool:
        """Whether another program's file lies where this destination never wrote.

        A destination that is made again after a deletion knows only its own places: a file that was put under
        the prefix of the deleted one is a neighbour's, as any file elsewhere in the container.
        """
        blob = self.world.reader(destination.storage.container).committed[name]
        untouched = self.rows_of(blob)[1] == self.foreign.get(name)
        return untouched and not destination.hour_names(key.stream, hour).is_part(name)

    def _wrong_markers(self, destination: Destination, record: HourRecord) -> Iterator[str]:
        """Yield what is wrong with the markers of a done hour in the container of now."""
        hour, stream = record.hour, record.key.stream
        there = {
            name: marker
            for name, marker in self.markers(destination.storage.container)
            if (marker.hour, marker.data_type) == (hour, stream.data_type)
        }
        wanted = record.content.origin.marker
        if (
            not record.content.origin.target
            and (record.content.output or destination.output).completion_marker
        ):
            # Where it went was not recorded: then its marker is where it would be now.
            wanted = destination.naming(stream).marker(hour)
        if wanted is not None and wanted not in there:
            yield f"the marker {wanted} is missing"
        for name, marker in there.items():
            if name != wanted:
                yield f"the marker {name} is surplus"
            elif marker.parts != record.content.parts:
                yield f"the marker {name} names others"

    def _rejects_are_kept(self, destination: Destination) -> None:
        kept = self.rejected(destination.id)
        for key in destination.streams:
            for hour in HOURS:
                for name, blob in self.landing_of(key, hour).items():
                    for text in blob.malformed:
                        stays = self.stays_elsewhere(destination, key, hour)
                        if text not in kept and not stays and not self._may_be_refused(key, hour):
                            raise BrokenPromise("a malformed line is not kept", f"{text} of {name}")
                if (key, hour) in self.losses:
                    continue
                of_hour = {
                    text
                    for blob in self.landed.values()
                    if (blob.stream, blob.hour) == (key.stream, hour)
                    for text in blob.malformed
                }
                gone = (self.kept.get(destination.id, set()) & of_hour) - set(kept)
                if gone:
                    raise BrokenPromise("a malformed line that was kept is gone", sorted(gone))

    def _markers_are_single(self, container: str) -> None:
        found = Counter((marker.hour, marker.data_type) for _, marker in self.markers(container))
        for place, count in found.items():
            if count > 1:
                raise BrokenPromise("an hour has several markers", place)

    def marked(self, destination: Destination, key: StreamKey) -> None:
        """Look whether every done hour has its marker, unless a reader has deleted it."""
        for hour in hours_between(FIRST, LAST):
            found = self.world.ledger.get(key, hour)
            name = found.value.content.origin.marker if found and found.value.done else None
            if name is None:
                continue
            places = self.containers[destination.id]
            there = any(name in self.world.reader(each).committed for each in places)
            if not there and not any((each, name) in self.unmarked for each in places):
                raise BrokenPromise("a done hour has no marker", f"{name}")


def _same(blob: FakeBlob, part: Part) -> bool:
    return (len(blob.body), blob.md5) == (part.bytes, part.md5)
