"""Recovery: an attempt that died in the middle of its commit is completed by the next one.

Its plan is in the ledger and its files are staged, so no landing data is read again. Its worker may be a
zombie, about to send one more request. Every such request depends on what the zombie saw, and completing its
plan takes that away: the blocks that it staged become the files, and the marker that is written in its place
discards the blocks of its own marker.
"""

from exporter.domain.errors import Conflict
from exporter.domain.file_names import HourNames
from exporter.export.attempt import Attempt
from exporter.export.commit import complete
from exporter.export.inventory import Inventory, take_inventory
from exporter.export.lease import HourLease


def recover(attempt: Attempt, lease: HourLease, names: HourNames) -> tuple[Inventory, bool]:
    """Take inventory; complete an unfinished attempt first. Return whether one was completed.

    What cannot be completed, because blocks are gone or files went to another container, stays in doubt.
    """
    here = attempt.holds(lease.record)
    with attempt.worker.timed("inventory"):
        inventory = take_inventory(attempt.container, names, lease.record, attempt.container_id, attempt.find)
        if not (lease.record.journal.committing and here):
            return inventory, False
        try:
            complete(attempt, lease, inventory)
        except Conflict:
            lease.ensure_held()
            completed = False
        else:
            lease.write(lambda record: record.completed(attempt.worker.clock()))
            completed = True
        return take_inventory(attempt.container, names, lease.record, attempt.container_id), completed
