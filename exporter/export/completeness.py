"""Completeness: an hour is never replaced by less than it holds, as landing may have been tidied up.

An hour that holds rows may be replaced if landing still has every blob that its files were made of, as the
landing fingerprint in the hour's record says. Where that is not known (tables were lost, or the files are a
predecessor's), the rows of the files are compared with those in landing. If that is not possible either, the
hour stays as it is.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain

from exporter.domain.errors import Fault
from exporter.domain.hour_content import HourContent
from exporter.domain.hour_record import HourRecord
from exporter.domain.own_blobs import rejected_folder
from exporter.domain.recorded_files import recorded_names
from exporter.domain.row_schema import RejectedRow
from exporter.domain.streams import LandingBlob, LandingFingerprint
from exporter.export.attempt import Attempt
from exporter.export.inventory import Inventory
from exporter.export.readback import file_keys, row_keys
from exporter.export.stage import row_chain
from exporter.pipeline.formats import format_of

# Keys of landing rows held in memory, 25 bytes each. The rows of larger hours are not compared.
ROWS_COMPARED_MAX = 2_000_000
# The rows of an hour are compared only if all of its files are in the container as they were exported.
RESTORE = "If files of it were deleted or changed, restore them: then their rows are compared with landing. "


def missing_rows(
    attempt: Attempt, record: HourRecord, inventory: Inventory, blobs: tuple[LandingBlob, ...]
) -> Fault | None:
    """Return the fault if the hour would lose rows when replaced by these landing blobs; None if not."""
    content = record.content
    exported = content.origin.landing if content.origin.target else None
    landing = LandingFingerprint.of(blobs)
    covered = exported is not None and landing.holds(exported)
    here = attempt.holds(record)
    held = content.rows.exported if content.origin.target and not record.journal.committing else 0
    if held and not covered and not (here and all(map(inventory.has, content.parts))):
        if exported is None or not landing.lacks(exported):
            return _unknown(attempt, "it is not known whether landing holds all that it was made of", RESTORE)
        return _incomplete(attempt, "its landing blobs are not all there any more")
    explained = recorded_names(record, attempt.container_id) if covered and here else frozenset()
    files = [
        blob
        for name, blob in sorted(inventory.parts.items())
        if name not in explained and blob.size > len(format_of(name).empty)
    ]
    if not files:
        return None
    if not blobs:
        return _incomplete(attempt, "landing holds nothing of it any more")
    lost = _rows_not_in_landing(attempt, inventory, [blob.name for blob in files], blobs)
    if lost is None:
        return _unknown(attempt, f"landing has more than {ROWS_COMPARED_MAX:,} rows to compare with its own")
    return _incomplete(attempt, f"landing does not hold {lost} of its rows any more") if lost else None


def _rows_not_in_landing(
    attempt: Attempt, inventory: Inventory, names: list[str], blobs: tuple[LandingBlob, ...]
) -> int | None:
    """Return how many rows of these files landing does not hold; None if they are too many to compare."""
    stream = attempt.task.key.stream
    keys = chain.from_iterable(
        file_keys(attempt.container, inventory.parts[name], stream.data_type) for name in names
    )
    # Rows that the present filter leaves out are in landing all the same.
    unfiltered = replace(attempt.destination, event_filter=None)
    rows = row_chain(unfiltered, stream, attempt.task.hour, _ignore)
    landed = rows.exported(blobs, attempt.gateways.landing.read)
    if stream.spec.row_keys:
        for _ in landed:
            if rows.tally.exported > ROWS_COMPARED_MAX:
                return None
        return sum(key not in rows.seen for key in keys)
    counts: Counter[bytes] = Counter()
    for some in landed:
        counts.update(row_keys(some.content.splitlines(), stream.data_type))
        if len(counts) > ROWS_COMPARED_MAX:
            return None
    there = Counter(keys)
    return (there - counts).total()


def _ignore(row: RejectedRow) -> None:
    """Ignore a rejected row: only rows that can be exported count."""


def rejected_before(
    attempt: Attempt, record: HourRecord, inventory: Inventory, blobs: Iterable[LandingBlob]
) -> tuple[str, ...]:
    """Return the blobs of rejected rows that stay with an hour that is exported again from landing blobs.

    The new attempt rejects the same rows again, unless some of the landing blobs that they were in are gone.
    """
    if not record.content.origin.target:
        # The record names no commit: there was none, or the record of it is lost.
        return rejected_ever(attempt) if inventory.parts else ()
    return rejected_of_gone_blobs(record.content, blobs)


def rejected_of_gone_blobs(content: HourContent, blobs: Iterable[LandingBlob]) -> tuple[str, ...]:
    """Return the blobs of rejected rows that these landing blobs may not hold any more.

    The rejected rows of single landing blobs cannot be told apart: all of them, unless every landing blob
    that was exported is still there.
    """
    exported = content.origin.landing
    covered = exported is not None and LandingFingerprint.of(blobs).holds(exported)
    return content.rejected[: content.origin.rejected_before] if covered else content.rejected


def rejected_ever(attempt: Attempt) -> tuple[str, ...]:
    """Return all blobs of rejected rows of an hour whose record is lost: all of them count."""
    return tuple(attempt.gateways.rejected.names(rejected_folder(attempt.task.key, attempt.task.hour)))


def _incomplete(attempt: Attempt, why: str) -> Fault:
    return Fault(
        code="landing_incomplete",
        message=f"The hour {attempt.task.hour} stays as it is: {why}, so a new export would lose rows.",
        fix='Land the missing data again; or, to accept the loss, backfill with "allow_loss": true.',
    )


def _unknown(attempt: Attempt, why: str, fix: str = "") -> Fault:
    """Return the fault of an hour of which landing may hold all or not: that is not known."""
    return Fault(
        code="landing_incomplete",
        message=f"The hour {attempt.task.hour} stays as it is: {why}, so a new export may lose rows.",
        fix=f'{fix}To accept a loss, backfill with "allow_loss": true.',
    )
