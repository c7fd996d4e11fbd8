"""Late merged ids: the hour's one file is written over, with its own rows and then the new ones."""

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, replace

from exporter.domain.errors import ForeignBlocks
from exporter.domain.hour_content import AppendBase, HourContent
from exporter.domain.own_blobs import attempt_tag
from exporter.domain.slices import Slice
from exporter.domain.streams import DataType, LandingBlob
from exporter.export.attempt import Attempt, Outcome
from exporter.export.commit import commit
from exporter.export.commit_plan import CommitPlan
from exporter.export.inventory import Inventory
from exporter.export.late_content import appended
from exporter.export.lease import HourLease
from exporter.export.readback import file_keys, file_rows


def append_merged_ids(
    attempt: Attempt,
    lease: HourLease,
    inventory: Inventory,
    base: HourContent,
    blobs: tuple[LandingBlob, ...],
) -> Outcome:
    """Append what landed late, where landing does not hold all that the file was made of."""
    before = base.origin.landing
    new = before.new(blobs) if before is not None and not before.partial else blobs
    known = None
    if before is None or before.partial or any(blob.md5 is None for blob in new):
        # It is not known which blobs the file was made of, or whether some of these were only put again: the
        # rows of the file are compared with those in landing.
        file = inventory.parts[base.parts[0].name]
        known = Counter(file_keys(attempt.container, file, DataType.MERGED_IDS))
    append = _Append(attempt, lease, inventory, base, blobs, Slice(1, None, new), known)
    try:
        return append.write_over(spooled=False)
    except ForeignBlocks:
        # They are under the name of the file, whose rows are needed: it is staged beside it, in the spool.
        return append.write_over(spooled=True)


@dataclass(frozen=True, slots=True)
class _Append:
    """The rows of the ``chosen`` blobs, but for those that are ``known``, on their way into the file."""

    attempt: Attempt
    lease: HourLease
    inventory: Inventory
    base: HourContent
    blobs: tuple[LandingBlob, ...]
    chosen: Slice
    known: Counter[bytes] | None

    def write_over(self, *, spooled: bool) -> Outcome:
        """Stage the file anew, its rows first, and commit it."""
        attempt, lease, base = self.attempt, self.lease, self.base
        tag = attempt_tag(lease.record.work.attempts, lease.claim_id)
        known = None if self.known is None else self.known.copy()
        with ExitStack() as uploads:
            there = file_rows(attempt.container, self.inventory.parts[base.parts[0].name])
            staged, rejected = attempt.stage(
                self.chosen, (), uploads, tag, spooled=spooled, before=there, known=known
            )
            part = staged.files[0].part
            late = part.rows - base.parts[0].rows
            kept = AppendBase(0, 0, base.rows, 0, base.origin.landing)
            content = replace(
                base,
                rows=base.rows + replace(staged.rows, exported=late, filtered=0),
                parts=(part,),
                origin=replace(appended(base, self.blobs), kept=kept),
                rejected=(*base.rejected, *rejected.commit()),
            )
            if attempt.gone():
                lease.release()
                return Outcome.NOT_WANTED
            plan = CommitPlan(content, staged.files, facts={"late_rows": late})
            return commit(attempt, lease, plan, self.inventory)
