"""Writing a whole hour: by one worker if it is one slice, else by as many as there are."""

from contextlib import ExitStack

from exporter.actions.attempt import Attempt, Outcome, target
from exporter.actions.hold import Held
from exporter.actions.look import Found
from exporter.actions.put_in_place import Layout, Placing, record_layout
from exporter.actions.run_slices import spread
from exporter.actions.take_stock import take_stock
from exporter.domain.ledger import Origin, RowCounts
from exporter.domain.marker import Marker
from exporter.domain.slices import Slice, cut
from exporter.domain.streams import DataType, LandingBlob, Listing


def write_hour(attempt: Attempt, held: Held, *, anew: bool) -> Outcome:
    """Export the hour. Unless it is wanted ``anew``, one that is there already is adopted as it is."""
    hour, naming = attempt.task.hour, attempt.destination.naming(attempt.task.key.stream)
    with attempt.worker.timed("look"):
        found = take_stock(attempt.container, naming, held)
    marker = found.whole(naming, hour)
    if marker is not None and _adoptable(marker, held, anew=anew):
        _adopt(attempt, marker, held)
        return Outcome.ADOPTED
    blobs = tuple(attempt.gateways.landing.blobs(naming.stream, hour))
    slices = _slices(attempt, blobs)
    if len(slices) > 1:
        spread(attempt, held, slices)
        return Outcome.SPREAD
    return _write(attempt, held, found, slices[0])


def _slices(attempt: Attempt, blobs: tuple[LandingBlob, ...]) -> tuple[Slice, ...]:
    if attempt.task.key.stream.data_type is DataType.MERGED_IDS:
        return (Slice(1, None, blobs),)
    return tuple(cut(blobs, attempt.destination.output.part_bytes_max))


def _write(attempt: Attempt, held: Held, found: Found, chosen: Slice) -> Outcome:
    """Stage the hour and put it in place."""
    naming = attempt.destination.naming(attempt.task.key.stream)
    before = held.record.attempts > 1
    with ExitStack() as uploads:
        staged, rejected = attempt.stage(chosen, (), uploads, held.claim_id)
        digests: tuple[str, ...] = ()
        if attempt.late_blobs_count():
            digests = tuple(filter(None, [attempt.keep_digest(chosen, staged, held.claim_id)]))
        asked = attempt.destination.filter_of(naming.stream)
        layout = Layout(
            rows=staged.rows,
            parts=tuple(sent.part for sent in staged.sent),
            sent=staged.sent,
            filter_sha256=asked.sha256 if asked else None,
            output=attempt.destination.output,
            origin=Origin(
                target=target(attempt.destination),
                marker=naming.marker(held.record.hour)
                if attempt.destination.output.completion_marker
                else None,
                landing=Listing.of(chosen.blobs),
                digests=digests,
            ),
        )
        if attempt.gone():
            held.release()
            return Outcome.NOT_WANTED
        marker = record_layout(layout, attempt.destination, naming, attempt.container, held)
        numbers = rejected.commit()
    if before:
        attempt.gateways.rejected.keep(attempt.task.key, attempt.task.hour, numbers)
    with attempt.worker.timed("place"):
        Placing(layout, marker, found, naming, attempt.container, held)()
    held.finish()
    attempt.tell(held, Outcome.EXPORTED)
    if before:
        attempt.tidy(held)
    return Outcome.EXPORTED


def _adoptable(marker: Marker, held: Held, *, anew: bool) -> bool:
    """Whether a true marker means that the hour is as it should be.

    Not if an attempt may still commit something else than it names.
    """
    record = held.record
    if record.committing:
        return record.parts == marker.parts and not record.in_doubt
    return not anew


def _adopt(attempt: Attempt, marker: Marker, held: Held) -> None:
    """Close the record of an hour that is there already.

    If an earlier attempt wrote it, its record tells what became of all rows; otherwise only the exported
    ones are known.
    """
    record = held.record
    known = record.parts == marker.parts and record.rows.exported == marker.rows
    name = attempt.destination.naming(record.key.stream).marker(record.hour)
    origin = record.origin if known else Origin(target=target(attempt.destination), marker=name)
    held.write(
        lambda record: record.adopted(
            record.rows if known else RowCounts(exported=marker.rows),
            marker.parts,
            marker.filter_sha256,
            record.output if known else None,
            origin,
        )
    )
    held.finish()
    attempt.tell(held, Outcome.ADOPTED)
