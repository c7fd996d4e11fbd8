"""Late blobs: what landed after its hour was exported becomes further parts, and nothing is repeated.

The hour's listing is compared with the one that was exported. What is new is staged, without the rows whose
keys the digests of the hour hold; parts that are there are not touched, and the marker is written over.
Where that is not possible (merged ids are one file; the files went elsewhere, or by other names; a digest is
gone) the whole hour is written anew.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

from exporter.actions.attempt import Attempt, Outcome, folder, target
from exporter.actions.hold import Held
from exporter.actions.ports import State
from exporter.actions.put_in_place import Layout, Placing, record_layout
from exporter.actions.stage import RejectedWriter, Staged, row_chain
from exporter.actions.take_stock import take_stock
from exporter.domain.destination import Destination
from exporter.domain.errors import Transient
from exporter.domain.filter_reading import stored_filter
from exporter.domain.ledger import HourRecord, Kept, RowCounts
from exporter.domain.marker import Part
from exporter.domain.names import Naming
from exporter.domain.records import RejectedRow
from exporter.domain.slices import Slice
from exporter.domain.stored import Versioned
from exporter.domain.streams import LandingBlob, Listing
from exporter.pipeline.digest import Digest, Header, repeated
from exporter.pipeline.seen import split


def nothing_late(attempt: Attempt, found: Versioned[HourRecord]) -> bool:
    """Compare landing with what was exported, and write down that this was done if nothing is new.

    Where landing holds less than was exported it has been tidied up: an hour is not replaced by less.
    """
    blobs = tuple(attempt.gateways.landing.blobs(attempt.task.key.stream, attempt.task.hour))
    record, listing = found.value, Listing.of(blobs)
    exported = record.origin.landing
    if exported is None:
        # It was found in the container when our tables were lost: how much landed tells whether it is whole.
        if _rows(attempt, blobs) > record.rows.exported:
            return False
    elif exported != listing and (record.origin.digests or listing.blobs >= exported.blobs):
        return False
    now = attempt.worker.clock()
    looked = record.looked(now, exported or listing)
    if now >= attempt.worker.late_ends(record.hour) and record.origin.digests:
        looked = replace(looked, origin=replace(looked.origin, digests=()))
        attempt.gateways.state.discard(folder(record.key, record.hour))
    attempt.gateways.ledger.put(looked, found.etag)
    return True


def _rows(attempt: Attempt, blobs: tuple[LandingBlob, ...]) -> int:
    """Return how many rows of the blobs would be exported."""
    chain = row_chain(attempt.destination, attempt.task.key.stream, attempt.task.hour, _ignore)
    return sum(some.rows for some in chain.exported(blobs, attempt.gateways.landing.read))


def _ignore(row: RejectedRow) -> None:
    """Take no notice of a row: only those that are exported count."""


@dataclass(frozen=True, slots=True)
class Base:
    """What stays as it is: the parts that are there, what became of the rows, and of what they were made."""

    rows: RowCounts
    parts: tuple[Part, ...]
    digests: tuple[str, ...]
    headers: tuple[Header, ...]

    @property
    def blobs(self) -> frozenset[str]:
        """The landing blobs that are exported."""
        return frozenset(name for header in self.headers for name in header.blobs)


def base_of(attempt: Attempt, record: HourRecord) -> Base | None:
    """Return what late rows can be added to; None if the hour has to be written anew."""
    kept = record.origin.kept if record.committing else None
    if record.committing and kept is None:
        return None
    rows = kept.rows if kept else record.rows
    parts = record.parts[: kept.parts] if kept else record.parts
    digests = record.origin.digests[: kept.digests] if kept else record.origin.digests
    if not digests or record.output is None or record.origin.target != target(attempt.destination):
        return None
    naming = _as_recorded(attempt.destination, record, None).naming(record.key.stream)
    if any(naming.part_number(record.hour, part.name) is None for part in parts):
        return None
    headers = _headers(attempt.gateways.state, digests)
    return None if headers is None else Base(rows, parts, digests, headers)


def _headers(state: State, digests: tuple[str, ...]) -> tuple[Header, ...] | None:
    headers = []
    for name in digests:
        pieces = state.read(name)
        if pieces is None:
            return None
        headers.append(Digest(pieces).header)
    return tuple(headers)


def _as_recorded(destination: Destination, record: HourRecord, event_filter: str | None) -> Destination:
    """Return the destination with the settings that the hour was exported with."""
    chosen = stored_filter(event_filter) if event_filter else None
    return replace(destination, output=record.output or destination.output, event_filter=chosen)


def add_late(attempt: Attempt, held: Held, base: Base) -> Outcome:
    """Add what landed late to an hour."""
    record = held.record
    attempt = replace(
        attempt, destination=_as_recorded(attempt.destination, record, base.headers[0].event_filter)
    )
    naming = attempt.destination.naming(record.key.stream)
    blobs = tuple(attempt.gateways.landing.blobs(naming.stream, record.hour))
    late = tuple(blob for blob in blobs if blob.name not in base.blobs)
    with attempt.worker.timed("look"):
        found = take_stock(attempt.container, naming, held)
    chosen = Slice(_next_number(naming, record, base), None, late)
    with ExitStack() as uploads:
        staged, rejected, digest = _staged(attempt, held, base, chosen, uploads)
        new = tuple(sent.part for sent in staged.sent)
        layout = Layout(
            rows=base.rows + staged.rows,
            parts=(*base.parts, *new),
            sent=staged.sent,
            filter_sha256=record.filter_sha256,
            output=attempt.destination.output,
            origin=replace(
                record.origin,
                marker=naming.marker(record.hour) if attempt.destination.output.completion_marker else None,
                landing=Listing.of(blobs),
                digests=(*base.digests, *filter(None, [digest])),
                kept=Kept(len(base.parts), len(base.digests), base.rows),
            ),
        )
        if attempt.gone():
            held.release()
            return Outcome.NOT_WANTED
        marker = record_layout(layout, attempt.destination, naming, attempt.container, held)
        rejected.commit()
    with attempt.worker.timed("place"):
        Placing(layout, marker, found, naming, attempt.container, held)()
    held.finish()
    attempt.tell(held, Outcome.EXPORTED, late_rows=staged.rows.exported)
    attempt.tidy(held)
    return Outcome.EXPORTED


def _staged(
    attempt: Attempt, held: Held, base: Base, chosen: Slice, uploads: ExitStack
) -> tuple[Staged, RejectedWriter, str | None]:
    """Stage the late rows; if some of them are exported already, once more without those."""
    staged, rejected = attempt.stage(chosen, (), uploads, held.claim_id)
    digest = attempt.keep_digest(chosen, staged, held.claim_id)
    drops = tuple(_repeated(attempt.gateways.state, base, digest)) if digest else ()
    if drops:
        again = f"{held.claim_id}-again"
        staged, rejected = attempt.stage(chosen, drops, uploads, again)
        digest = attempt.keep_digest(chosen, staged, again)
    return staged, rejected, digest


def _next_number(naming: Naming, record: HourRecord, base: Base) -> int:
    numbers = (naming.part_number(record.hour, part.name) or 0 for part in base.parts)
    return max(numbers, default=0) + 1


def _repeated(state: State, base: Base, name: str) -> Iterator[bytes]:
    """Yield the keys of a digest that the hour has already."""
    readers = []
    for each in (*base.digests, name):
        pieces = state.read(each)
        if pieces is None:
            raise Transient(f"the digest {each} is gone")
        readers.append(Digest(pieces))
    return split(repeated(readers)[-1])
