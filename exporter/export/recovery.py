"""Recovery: an attempt that died in the midst of its commit is completed by the next one.

Its plan is in the ledger and its files are staged, so nothing has to be read again. Its worker may be asleep
rather than dead, just before one of its requests. All of them are conditional on what it saw, and to complete
its plan takes away what they depend on: the blocks that it staged become the files, and its marker's blocks
are discarded by the marker that is written in its place.
"""

from exporter.domain.errors import Conflict
from exporter.domain.file_names import HourNames
from exporter.domain.hour_record import HourContent, HourRecord
from exporter.export.attempt import Attempt
from exporter.export.commit import Committer
from exporter.export.inventory import Inventory, take_inventory
from exporter.export.lease import HourLease


def recover(attempt: Attempt, lease: HourLease, names: HourNames) -> tuple[Inventory, bool]:
    """Take inventory; complete an unfinished attempt first. Return whether one was completed.

    What cannot be completed, because blocks are gone or files went to another container, stays in doubt.
    """
    here = attempt.holds(lease.record)
    inventory = take_inventory(attempt.container, names, lease.record, attempt.container_id)
    if not (lease.record.committing and here):
        return inventory, False
    try:
        _complete(attempt, lease, inventory)
    except Conflict:
        lease.ensure_held()
        return take_inventory(attempt.container, names, lease.record, attempt.container_id), False
    lease.write(lambda record: record.completed(attempt.worker.clock()))
    return take_inventory(attempt.container, names, lease.record, attempt.container_id), True


def _complete(attempt: Attempt, lease: HourLease, inventory: Inventory) -> None:
    """Commit what an earlier attempt has recorded and not finished."""
    record = lease.record
    committer = Committer(attempt, lease, content_of(record), record.journal, inventory)
    committer.fence()
    committer.publish()


def content_of(record: HourRecord) -> HourContent:
    """Return what a record says of its hour."""
    return HourContent(
        rows=record.rows,
        parts=record.parts,
        filter_sha256=record.filter_sha256,
        output=record.output,
        origin=record.origin,
        rejected=record.rejected,
    )
