"""Unpacking an answer: each row goes, byte for byte, into the landing folder of its own hour, once.

What stands in a folder of landing is the truth about it, whatever the tables say: a row is new if its key is
in no blob of the puller there. Blobs are created and never replaced, under names that follow from the answer.

At any time one answer, at most, is landed in a folder (``FolderTurn``). Workers that unpack the same answer
at the same time, because one of them is a zombie, find the same rows to be new, in the same order, and write
the same blobs. Workers with another answer wait for their turn.
"""

import base64
import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from exporter.domain.errors import Busy, Conflict, Transient
from exporter.domain.hour import Hour
from exporter.domain.landing import EARLIEST
from exporter.domain.pulls import FolderTurn, Landed, LateLanding
from exporter.domain.source import Source
from exporter.domain.streams import LandingBlob
from exporter.domain.versioned import Versioned
from exporter.pipeline.exported import Exported
from exporter.pipeline.gunzip import BrokenContentError
from exporter.pipeline.gzip_writer import BLOCK_BYTES, GzipWriter
from exporter.pipeline.key_set import KeySet
from exporter.pipeline.raw_rows import LinePiece, RawLines, facts_of, raw_lines
from exporter.pipeline.zip_members import DamagedZipError, ZipMembers
from exporter.ports import BlobStore, Clock, FolderTurns, Landing, LandingWriter, LateLandings
from exporter.sources.key_list import SUFFIX, KeyList
from exporter.sources.row_marks import RowMarks

PREFIX = "amplitude-"
AGAIN = f"{PREFIX}again-"
# Keys that are in memory at the same time: 24 bytes each while they are listed, 100 while they are compared.
# Those of a larger hour are in a blob meanwhile (``key_list``).
KEYS_MAX = 250_000
# In the list of keys, the number of the file of rows that are in the folder already.
PRESENT = 2**32 - 1
# A blob of rows that landed again is closed at this size of its rows, in bytes.
AGAIN_BYTES_MAX = 256 * 1024 * 1024
# Rows of a later day than this after the hour that was asked for have a wrong time.
LATER_MAX = timedelta(days=1)


class DamagedAnswerError(Exception):
    """The answer cannot be read to its end; nothing of it has landed. The message says why."""


class WrongProjectError(Exception):
    """A row of the answer is of another project, ``app``; nothing of it has landed."""

    def __init__(self, app: int) -> None:
        super().__init__(f"a row is of the project {app}")
        self.app = app


class TurnTakenError(Busy):
    """Another answer is being landed in a folder: ``answer`` is its name."""

    def __init__(self, hour: Hour, answer: str) -> None:
        super().__init__(f"another answer is being landed in the hour {hour}")
        self.answer = answer


class StepOverError(Busy):
    """An attempt has taken so long that the next one is to go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacking:
    """An answer that is to be landed, and where.

    ``name`` is the answer's blob and ``pull`` the number of the pull that it is the answer of, from 1.
    ``again`` says that its hour was closed before. ``ensure_held`` raises ``Conflict`` once another worker
    has the hour. After ``until``, ``StepOverError`` is raised as soon as one more blob has landed.
    """

    source: Source
    hour: Hour
    name: str
    pull: int
    again: bool
    attempt: str
    answers: BlobStore
    landing: Landing
    writer: LandingWriter
    turns: FolderTurns
    late: LateLandings
    clock: Clock
    ensure_held: Callable[[], None]
    until: datetime
    keys_max: int = KEYS_MAX
    again_bytes_max: int = AGAIN_BYTES_MAX


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The landing folder of the hour after an answer has landed; None if the answer has no row of the hour.

    ``ignored`` counts the files of the answer that hold no rows.
    """

    landed: Landed | None
    ignored: int


def unpack(unpacking: Unpacking, size: int) -> Unpacked:
    """Land an answer of that size in bytes. It may be called again and again: nothing lands twice.

    ``DamagedAnswerError`` and ``WrongProjectError`` come before anything has landed. ``TurnTakenError`` and
    ``Busy`` mean that another answer is being landed in the same folder. After ``StepOverError``, a further
    call goes on: each call lands one blob more, at least.
    """
    try:
        members = ZipMembers(lambda start, length: _range(unpacking, start, length), size)
        counts = _Counter(unpacking, members).count()
    except (DamagedZipError, BrokenContentError) as error:
        raise DamagedAnswerError(str(error)) from error
    hours = {hour for member in counts for hour in member.rows}
    landed = {hour: _Folder(unpacking, members, counts, hour).fill() for hour in sorted(hours)}
    return Unpacked(landed.get(unpacking.hour), members.ignored)


def _range(unpacking: Unpacking, start: int, length: int) -> bytes:
    return unpacking.answers.read_range(unpacking.name, start, length)


@dataclass(slots=True)
class MemberCounts:
    """The rows of one file of the zip, by hour; ``lines`` are all of its rows."""

    rows: dict[Hour, int] = field(default_factory=dict)

    @property
    def lines(self) -> int:
        """How many rows it has."""
        return sum(self.rows.values())


class _Rows:
    """Reads the facts of the rows of the answer's files."""

    def __init__(self, unpacking: Unpacking) -> None:
        self._project_id = unpacking.source.project_id
        self._asked = unpacking.hour
        self._latest = unpacking.hour.start + LATER_MAX
        self._hours: dict[str | None, Hour] = {None: unpacking.hour}

    def of(self, chunks: Iterable[bytes]) -> Iterator[tuple[list[bytes], list[Hour]]]:
        """Yield the keys of the rows and their hours, some rows at a time; ``WrongProjectError``.

        A line that is too long to be read is of the hour that was asked for.
        """
        long = hashlib.md5(usedforsecurity=False)
        for lines in raw_lines(chunks):
            if isinstance(lines, LinePiece):
                long.update(lines.content)
                if lines.last:
                    yield [long.digest()], [self._asked]
                    long = hashlib.md5(usedforsecurity=False)
                continue
            facts = facts_of(lines.contents, self._project_id)
            if facts.foreign is not None:
                raise WrongProjectError(facts.foreign)
            yield facts.keys, [self._hour(text) for text in facts.hours]

    def _hour(self, text: str | None) -> Hour:
        """Return the hour of a row: the one that was asked for, if its own is unknown or impossible."""
        known = self._hours.get(text)
        if known is None:
            own = Hour.parse((text or "").replace(" ", "T"))
            known = own if own >= EARLIEST and own.start <= self._latest else self._asked
            self._hours[text] = known
        return known


class _Counter:
    """Reads the answer once, before anything lands: whether it is whole, and of which hours it has rows."""

    def __init__(self, unpacking: Unpacking, members: ZipMembers) -> None:
        self._members = members
        self._rows = _Rows(unpacking)
        self._ensure_held = unpacking.ensure_held

    def count(self) -> list[MemberCounts]:
        """Return the rows of each file."""
        return [self._count(number) for number in range(len(self._members.names))]

    def _count(self, number: int) -> MemberCounts:
        self._ensure_held()
        found = MemberCounts()
        for _, hours in self._rows.of(self._members.read(number)):
            for hour in set(hours):
                found.rows[hour] = found.rows.get(hour, 0) + hours.count(hour)
        return found


class _Folder:
    """The landing of an answer's rows of one hour."""

    def __init__(
        self, unpacking: Unpacking, members: ZipMembers, counts: list[MemberCounts], hour: Hour
    ) -> None:
        self._unpacking = unpacking
        self._members = members
        self._counts = counts
        self._hour = hour
        self._numbers = [number for number, member in enumerate(counts) if hour in member.rows]
        self._folder = unpacking.source.stream.landing_folder(hour)
        self._names: set[str] = set()
        self._bytes = 0
        self._keys = 0

    def fill(self) -> Landed:
        """Land the rows that are new; return what the folder holds then.

        The hour may have been exported, unless this is the first answer to it. Then it is noted before rows
        land and again after that, also if the worker that has landed them is dead: a look at the hour between
        the two notes may have missed rows.
        """
        turn, resumed = self._take_turn()
        present = [blob for blob in self._blobs() if self._name(blob).startswith(PREFIX)]
        self._names = {self._name(blob) for blob in present}
        self._bytes = sum(blob.size for blob in present)
        fresh = self._compared(present)
        late = self._unpacking.again or self._hour != self._unpacking.hour or bool(present)
        new = [number for number in self._numbers if fresh[number].count]
        if new and late:
            self._note()
        again: list[int] = []
        for number in new:
            name = f"{PREFIX}{member_name(self._members.names[number])}"
            if self._unpacking.again or name in self._names:
                again.append(number)
            else:
                self._create(name, self._blocks_of(number, fresh[number]))
        self._land_again(again, fresh)
        if late and (new or resumed):
            self._note()
        self._unpacking.turns.discard(turn.value, turn.etag)
        return Landed(self._keys, len(self._names), self._bytes)

    def _note(self) -> None:
        """Let the schedule look at the hour again."""
        note = LateLanding(self._unpacking.source.project_id, self._hour, self._unpacking.clock())
        self._unpacking.late.remember(note)

    def _take_turn(self) -> tuple[Versioned[FolderTurn], bool]:
        """Return this answer's turn in the folder, and whether an earlier attempt has begun it.

        ``Busy`` while it is another answer's.
        """
        turns, project_id = self._unpacking.turns, self._unpacking.source.project_id
        mine = FolderTurn(project_id, self._hour, self._unpacking.name)
        found = turns.get(project_id, self._hour)
        if found is not None and found.value == mine:
            return found, True
        # An answer is deleted after everything of it has landed, or before anything of it has.
        if found is not None and self._unpacking.answers.size(found.value.answer) is not None:
            raise TurnTakenError(self._hour, found.value.answer)
        try:
            return Versioned(mine, turns.put(mine, found.etag if found else None)), False
        except Conflict as error:
            raise Busy(f"another answer is about to be landed in the hour {self._hour}") from error

    def _blobs(self) -> Iterator[LandingBlob]:
        return self._unpacking.landing.blobs(self._unpacking.source.stream, self._hour)

    def _name(self, blob: LandingBlob) -> str:
        return blob.name.removeprefix(self._folder)

    def _compared(self, present: list[LandingBlob]) -> dict[int, RowMarks]:
        """Return for each file which of its rows are of this hour and new: in no blob, and in no row before.

        The files are read once, and so are the blobs, however many rows there are.
        """
        unpacking, self._keys = self._unpacking, 0
        fresh = {number: RowMarks(self._counts[number].lines) for number in self._numbers}
        name = f"{unpacking.name}.{unpacking.attempt}{SUFFIX}"
        with KeyList(unpacking.answers, name, unpacking.keys_max) as keys:
            self._collect(keys, present)
            for part in keys.parts():
                unpacking.ensure_held()
                known = KeySet()
                for rows in part:
                    for (_, number, place), new in zip(
                        rows, known.add_all([row[0] for row in rows]), strict=True
                    ):
                        self._keys += new
                        if new and number != PRESENT:
                            fresh[number].mark(place)
        return fresh

    def _collect(self, found: KeyList, present: list[LandingBlob]) -> None:
        """List the keys of the folder, then those of the answer's rows of this hour."""
        unpacking = self._unpacking
        for blob in present:
            unpacking.ensure_held()
            for keys in _keys_of(unpacking.landing.read(blob), unpacking.source.project_id):
                found.add(PRESENT, keys, itertools.repeat(0))
        for number in self._numbers:
            unpacking.ensure_held()
            place = 0
            for keys, hours in self._facts(number):
                own = [hour == self._hour for hour in hours]
                places = range(place, place + len(keys))
                found.add(number, itertools.compress(keys, own), itertools.compress(places, own))
                place += len(keys)

    def _facts(self, number: int) -> Iterator[tuple[list[bytes], list[Hour]]]:
        return _Rows(self._unpacking).of(self._members.read(number))

    def _blocks_of(self, number: int, fresh: RowMarks) -> Iterator[bytes]:
        """Return the blocks of a blob with the new rows of a file: the file as it is, if all are new."""
        if fresh.all:
            return _joined(self._members.read(number))
        return _compressed(_chosen(self._members.read(number), fresh))

    def _land_again(self, numbers: list[int], fresh: dict[int, RowMarks]) -> None:
        """Land new rows of files whose names are taken, or of an hour that is pulled again.

        The numbers go on from those that are there. So a worker that goes on where another one has died
        writes the same rows under the same names.
        """
        tag = f"{AGAIN}{self._unpacking.hour}-{self._unpacking.pull}-"
        taken = [name.removeprefix(tag).partition(".")[0] for name in self._names if name.startswith(tag)]
        number = max((int(text) for text in taken if text.isdecimal()), default=0) + 1
        contents = (piece for each in numbers for piece in _chosen(self._members.read(each), fresh[each]))
        for some in _cut(contents, self._unpacking.again_bytes_max):
            self._create(f"{tag}{number}.json.gz", _compressed(some))
            number += 1

    def _create(self, name: str, blocks: Iterator[bytes]) -> None:
        """Create a blob of the folder."""
        unpacking, md5 = self._unpacking, hashlib.md5(usedforsecurity=False)
        unpacking.ensure_held()
        with unpacking.writer.upload(self._folder + name, attempt=unpacking.attempt) as upload:
            for block in blocks:
                upload.stage(block)
                md5.update(block)
                self._bytes += len(block)
            unpacking.ensure_held()
            try:
                upload.create(md5=base64.b64encode(md5.digest()).decode())
            except Conflict as error:
                # It was put there meanwhile: the next attempt looks again at what the folder holds.
                raise Transient(f"the landing blob {name} has appeared with another content") from error
        self._names.add(name)
        if unpacking.clock() >= unpacking.until:
            raise StepOverError(f"{name} has landed, and others are to follow")


def member_name(name: str) -> str:
    """Return the name of a file of the zip as it lands: without its folder, and with ``#`` as ``-``."""
    return name.replace("\\", "/").rpartition("/")[2].replace("#", "-")


def _keys_of(chunks: Iterable[bytes], project_id: int) -> Iterator[list[bytes]]:
    """Yield the keys of the rows of a blob that has landed; of a damaged one, as far as it can be read."""
    long = hashlib.md5(usedforsecurity=False)
    with suppress(BrokenContentError):
        for lines in raw_lines(chunks):
            if isinstance(lines, RawLines):
                yield facts_of(lines.contents, project_id).keys
                continue
            long.update(lines.content)
            if lines.last:
                yield [long.digest()]
                long = hashlib.md5(usedforsecurity=False)


def _chosen(chunks: Iterable[bytes], fresh: RowMarks) -> Iterator[Exported]:
    """Yield the chosen rows of a file, each with its newline; the pieces of a long one count as no rows."""
    place = 0
    for lines in raw_lines(chunks):
        if isinstance(lines, LinePiece):
            if fresh[place]:
                yield Exported(0, lines.content + b"\n" if lines.last else lines.content)
            place += lines.last
            continue
        end = place + len(lines.contents)
        kept = list(itertools.compress(lines.contents, fresh.between(place, end)))
        place = end
        if kept:
            yield Exported(len(kept), b"\n".join(kept) + b"\n")


def _cut(contents: Iterator[Exported], bytes_max: int) -> Iterator[Iterator[Exported]]:
    """Yield the rows in groups of about that many bytes, each of which ends where a row does."""
    for first in contents:
        size = 0

        def group(first: Exported = first) -> Iterator[Exported]:
            nonlocal size
            for each in itertools.chain([first], contents):
                yield each
                size += len(each.content)
                if size >= bytes_max and each.content.endswith(b"\n"):
                    return

        yield group()


def _joined(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield content in blocks of one size."""
    block = bytearray()
    for chunk in chunks:
        block += chunk
        while len(block) >= BLOCK_BYTES:
            yield bytes(block[:BLOCK_BYTES])
            del block[:BLOCK_BYTES]
    yield bytes(block)


def _compressed(contents: Iterable[Exported]) -> Iterator[bytes]:
    """Yield rows as a gzip file, in blocks."""
    file = GzipWriter()
    for each in contents:
        yield from file.add(each)
    yield from file.finish()
