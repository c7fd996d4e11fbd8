"""The implementation, broken on purpose: what a simulated world has to notice.

Each mutation is a mistake that somebody once made, or that is easily made, in a line or two.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from exporter.domain.backfill import Backfill
from exporter.domain.destination import Destination
from exporter.domain.errors import Conflict
from exporter.domain.file_names import HourNames, Naming
from exporter.domain.hour import Hour
from exporter.domain.hour_record import HourRecord, HourTask
from exporter.domain.marker import StagedFile
from exporter.domain.slices import Slice
from exporter.domain.streams import LandingFingerprint, Stream
from exporter.domain.versioned import Versioned
from exporter.export import export_hour, late_data, sliced, whole_hour
from exporter.export.attempt import Attempt, Outcome
from exporter.export.commit import Committer
from exporter.export.inventory import Inventory, take_inventory
from exporter.export.lease import HourLease
from exporter.export.stage import RejectedWriter, StagedSlice, Stager
from exporter.pipeline.key_set import KeySet, split
from exporter.ports import Gateways
from exporter.schedule import due_hours, reopened
from tests.simulation.happenings import live
from tests.simulation.truth import BrokenPromise
from tests.support.fakes.blobs import FakeBlobs, FakeContainer
from tests.support.fakes.tables import FakeLedger, FakeReopened, FakeTable

type Mutation = Callable[[pytest.MonkeyPatch], None]


def commit_before_all_is_recorded(patch: pytest.MonkeyPatch) -> None:
    """Commit first and write down afterwards what was committed."""
    record, publish = Committer.prepare, Committer.publish
    later: list[tuple[Committer, bool]] = []

    def prepare(committer: Committer, *, adopted: bool = False) -> None:
        later.append((committer, adopted))

    def published(committer: Committer) -> None:
        publish(committer)
        for each, adopted in [place for place in later if place[0] is committer]:
            later.remove((each, adopted))
            record(each, adopted=adopted)

    patch.setattr(Committer, "prepare", prepare)
    patch.setattr(Committer, "publish", published)


def commit_before_stage(patch: pytest.MonkeyPatch) -> None:
    """Commit a part as soon as it is staged, before it is known whether the rest can be."""
    real = Committer.prepare

    def at_once(committer: Committer, *, adopted: bool = False) -> None:
        container = committer.attempt.container
        for sent in committer.journal:
            if sent.spool is None:
                there = {blob.name: blob.etag for blob in container.find(sent.part.name)}
                container.commit(sent, etag=there.get(sent.part.name), content_type="application/gzip")
        real(committer, adopted=adopted)

    patch.setattr(Committer, "prepare", at_once)


def commit_before_clear(patch: pytest.MonkeyPatch) -> None:
    """Put the new files beside the old ones, and delete those afterwards."""
    real = Committer.publish

    def published(committer: Committer) -> None:
        wanted = {sent.part.name for sent in committer.journal}
        for sent in committer.journal:
            if not committer.inventory.has(sent.part):
                there = committer.inventory.parts.get(sent.part.name)
                committer._commit(sent, there.etag if there else None)
        for name in committer._stale():
            if name not in wanted:
                committer._void(name)
        real(committer)

    patch.setattr(Committer, "fence", Committer._void_markers)
    patch.setattr(Committer, "publish", published)


def delete_before_unmark(patch: pytest.MonkeyPatch) -> None:
    """Leave the marker there while its parts are changed."""
    patch.setattr(Committer, "_void_markers", lambda _committer: None)
    patch.setattr(Committer, "_marker_stays", lambda committer: committer._marker_there() is not None)


def delete_without_writing_over(patch: pytest.MonkeyPatch) -> None:
    """Delete what is not wanted any more, and leave the blocks that a sleeper has sent for it."""

    def void(committer: Committer, name: str, etag: str | None) -> None:
        committer.lease.ensure_held()
        if etag is not None:
            committer.attempt.container.delete(name, etag=etag)

    patch.setattr(Committer, "_void_as_seen", void)


def forget_doubts(patch: pytest.MonkeyPatch) -> None:
    """Take no notice of what earlier attempts may still commit."""
    patch.setattr(Committer, "_doubts", lambda _committer: iter(()))


def leave_the_marker_of_a_sleeper(patch: pytest.MonkeyPatch) -> None:
    """Only look; do not complete what an unfinished attempt was about to commit."""

    def look(attempt: Attempt, lease: HourLease, names: HourNames) -> tuple[Inventory, bool]:
        return take_inventory(attempt.container, names, lease.record, attempt.container_id), False

    for module in (export_hour, sliced):
        patch.setattr(module, "recover", look)


def replace_by_less(patch: pytest.MonkeyPatch) -> None:
    """Write an hour anew from what landing holds, whatever that is."""
    patch.setattr(whole_hour, "missing_rows", lambda *_arguments: None)


def count_landing_blobs(patch: pytest.MonkeyPatch) -> None:
    """Compare how many blobs landing holds, and not which."""
    patch.setattr(LandingFingerprint, "holds", lambda listing, exported: listing.blobs >= exported.blobs)


def look_under_the_names_of_now(patch: pytest.MonkeyPatch) -> None:
    """Forget how the destination's files were called before."""

    def names(destination: Destination, stream: Stream, hour: Hour) -> HourNames:
        return HourNames(hour, destination.naming(stream))

    patch.setattr(Destination, "hour_names", names)


def leave_markers_to_sleepers(patch: pytest.MonkeyPatch) -> None:
    """Delete markers as they are, and leave the blocks that a sleeper has sent for them."""
    real = Committer._void_as_seen

    def void(committer: Committer, name: str, etag: str | None) -> None:
        if name.endswith("_complete"):
            committer.lease.ensure_held()
            if etag is not None:
                committer.attempt.container.delete(name, etag=etag)
        else:
            real(committer, name, etag)

    patch.setattr(Committer, "_void_as_seen", void)


def adopt_what_is_not_wanted(patch: pytest.MonkeyPatch) -> None:
    """Take an hour that is there for one that a backfill has written."""
    real = whole_hour.write_hour

    def written(
        attempt: Attempt, lease: HourLease, inventory: Inventory, names: HourNames, *, replacing: bool
    ) -> Outcome:
        del replacing
        return real(attempt, lease, inventory, names, replacing=False)

    for module in (export_hour, late_data):
        patch.setattr(module, "write_hour", written)


def no_etag_on_the_claim(patch: pytest.MonkeyPatch) -> None:
    """Write the ledger's row over whatever is there by now."""
    real = FakeLedger.put

    def put(ledger: FakeLedger, record: HourRecord, etag: str | None) -> str:
        there = ledger.rows.get((record.key, record.hour))
        return real(ledger, record, there.etag if there else etag)

    patch.setattr(FakeLedger, "put", put)


def swallow_refused_commits(patch: pytest.MonkeyPatch) -> None:
    """Take a refused commit for one whose answer was lost, without a look at what is there."""
    real = FakeContainer.commit

    def commit(container: FakeContainer, sent: StagedFile, **conditions: Any) -> None:  # noqa: ANN401  passed on
        with suppress(Conflict):
            real(container, sent, **conditions)

    patch.setattr(FakeContainer, "commit", commit)


def believe_every_refusal(patch: pytest.MonkeyPatch) -> None:
    """Take a write that was refused for a lost race, even if its own first try has landed.

    This alone breaks no promise: the hour waits for a lease to end. So it is none of ``MUTATIONS``.
    """

    def swap[*Key, Value](
        table: FakeTable[*Key, Value], key: tuple[*Key], value: Value, etag: str | None
    ) -> str:
        found = table.rows.get(key)
        if (found.etag if found else None) != etag:
            raise Conflict(f"{key} was changed by another writer")
        table.rows[key] = Versioned(value, table._writes.new_etag())
        return table.rows[key].etag

    real = FakeBlobs.commit

    def commit(blobs: FakeBlobs, name: str, ids: list[str], md5: str, **how: Any) -> None:  # noqa: ANN401
        if not (how["allowed"] and set(ids) <= blobs.staged.get(name, {}).keys()):
            raise Conflict(f"{name} was changed by another writer")
        real(blobs, name, ids, md5, **how)

    patch.setattr(FakeTable, "swap", swap)
    patch.setattr(FakeBlobs, "commit", commit)


def list_without_the_hash(patch: pytest.MonkeyPatch) -> None:
    """Take all for the hour's files that begins like them."""
    prefix = Naming.parts_prefix

    def number(naming: Naming, hour: Hour, name: str) -> int | None:
        return 1 if name.startswith(prefix(naming, hour).rstrip("#_")) and name.endswith(".gz") else None

    patch.setattr(Naming, "parts_prefix", lambda naming, hour: prefix(naming, hour).rstrip("#_"))
    patch.setattr(Naming, "part", lambda naming, hour, part: f"{prefix(naming, hour)}{part}.json.gz")
    patch.setattr(Naming, "part_number", number)


def do_not_compare_slices(patch: pytest.MonkeyPatch) -> None:
    """Export what several slices have several times."""
    patch.setattr(sliced, "_reconcile", lambda *_arguments: ())


def forget_what_was_left_out_at_once(patch: pytest.MonkeyPatch) -> None:
    """Compare slices by what they export: what one has left out at once, it takes up when staged again."""
    real = Stager.stage

    def stage(
        stager: Stager,
        chosen: Slice,
        drops: Iterable[bytes],
        rejected: RejectedWriter,
        *before: Any,  # noqa: ANN401
    ) -> StagedSlice:
        known = list(drops)
        staged = real(stager, chosen, known, rejected, *before)
        left_out = KeySet(known)
        mine = (key for piece in staged.keys.pieces() for key in split(piece) if key not in left_out)
        return replace(staged, keys=KeySet(mine), dropped=0)

    patch.setattr(Stager, "stage", stage)


def do_not_compare_late_rows(patch: pytest.MonkeyPatch) -> None:
    """Add late rows that are there already."""
    patch.setattr(late_data, "_repeated", lambda *_arguments: ())


def never_look_again(patch: pytest.MonkeyPatch) -> None:
    """Take an hour that was exported for one that nothing can land in."""
    patch.setattr(export_hour, "is_up_to_date", lambda *_arguments: True)


def pass_over_hours_under_way(patch: pytest.MonkeyPatch) -> None:
    """Count a look for late blobs as done for an hour that is not done itself."""

    def unseen(moment: Any, hour: Hour, record: HourRecord | None, distance: timedelta) -> bool:  # noqa: ANN401
        if record is None or not record.done:
            return False
        return record.late_checked_at is None or record.late_checked_at < hour.end + moment.settle + distance

    patch.setattr(due_hours.DueRules, "unchecked", unseen)


def do_not_note_what_is_taken_again(patch: pytest.MonkeyPatch) -> None:
    """Take a done hour again without telling the schedule, which is past it."""
    patch.setattr(FakeReopened, "remember", lambda _reopened, _task: '"none"')
    patch.setattr(FakeReopened, "forget", lambda *_arguments: None)


def forget_a_note_whoever_took_the_hour(patch: pytest.MonkeyPatch) -> None:
    """Forget the note of an hour that is done, though somebody is about to take it again."""

    def forget(gateways: Gateways, note: Versioned[HourTask], _: Versioned[HourRecord]) -> None:
        now = {each.value: each.etag for each in gateways.reopened.all()}
        gateways.reopened.forget(note.value.key, note.value.hour, now.get(note.value, note.etag))

    patch.setattr(reopened, "_forget", forget)


def count_what_others_wrote(patch: pytest.MonkeyPatch) -> None:
    """Take an hour that is done for one that this backfill has done."""
    patch.setattr(Backfill, "fulfilled", lambda _backfill, record, _here: record.done)


def a_lease_for_ever(patch: pytest.MonkeyPatch) -> None:
    """Wait for a dead worker."""
    real = HourRecord.claimed_by

    def take(
        record: HourRecord, claim_id: str, requested_by: str, now: datetime, *, round_: int = 0
    ) -> HourRecord:
        return real(record, claim_id, requested_by, now + timedelta(days=365), round_=round_)

    patch.setattr(HourRecord, "claimed_by", take)


MUTATIONS: dict[str, Mutation] = {
    each.__name__: each
    for each in (
        commit_before_all_is_recorded,
        commit_before_stage,
        commit_before_clear,
        delete_before_unmark,
        delete_without_writing_over,
        forget_doubts,
        leave_the_marker_of_a_sleeper,
        no_etag_on_the_claim,
        swallow_refused_commits,
        list_without_the_hash,
        adopt_what_is_not_wanted,
        replace_by_less,
        count_landing_blobs,
        look_under_the_names_of_now,
        leave_markers_to_sleepers,
        do_not_compare_slices,
        forget_what_was_left_out_at_once,
        do_not_compare_late_rows,
        never_look_again,
        pass_over_hours_under_way,
        do_not_note_what_is_taken_again,
        forget_a_note_whoever_took_the_hour,
        count_what_others_wrote,
        a_lease_for_ever,
    )
}


def noticed_by(mutation: Mutation, seeds: Iterable[int]) -> int | None:
    """Return the first world that breaks a promise with a mistake and none without it; None if none does."""
    for seed in seeds:
        with pytest.MonkeyPatch.context() as patch:
            mutation(patch)
            noticed = _breaks(seed)
        if noticed and not _breaks(seed):
            return seed
    return None


def _breaks(seed: int) -> bool:
    try:
        live(seed)
    except BrokenPromise:
        return True
    return False
