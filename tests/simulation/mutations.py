"""The implementation, broken on purpose: what a simulated world has to notice.

Each mutation is a mistake that was once made, or that is easily made, in a line or two.
"""

import zlib
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
from exporter.domain.hour_record import HourRecord
from exporter.domain.hour_task import HourTask
from exporter.domain.marker import StagedFile
from exporter.domain.slices import Slice, SliceResult
from exporter.domain.streams import LandingFingerprint, Stream
from exporter.domain.versioned import Versioned
from exporter.export import disposition, export_hour, join_slices, late_data, recovery, whole_hour
from exporter.export.commit import Committer
from exporter.export.commit_plan import Changes
from exporter.export.disposition import WriteDisposition
from exporter.export.stage import Drops, RejectedWriter, StagedSlice, Stager
from exporter.pipeline.key_index import KeysHash
from exporter.pipeline.key_set import ApproximateKeySet, KeySet, split
from exporter.ports import Gateways
from exporter.schedule import due_hours, reopened
from tests.simulation.happenings import live
from tests.simulation.truth import BrokenPromise
from tests.support.fakes.blobs import FakeBlobs, FakeContainer
from tests.support.fakes.tables import FakeLedger, FakeReopened, FakeTable

type Mutation = Callable[[pytest.MonkeyPatch], None]


def commit_before_all_is_recorded(patch: pytest.MonkeyPatch) -> None:
    """Commit first, and record afterwards what was committed."""
    prepare, publish = Committer.prepare, Committer.publish
    later: set[int] = set()

    def published(committer: Committer) -> None:
        publish(committer)
        if id(committer) in later:
            later.remove(id(committer))
            prepare(committer)

    patch.setattr(Committer, "prepare", lambda committer: later.add(id(committer)))
    patch.setattr(Committer, "publish", published)


def commit_before_stage(patch: pytest.MonkeyPatch) -> None:
    """Commit a part as soon as it is staged, before it is known whether the rest can be."""
    real = Committer.prepare

    def at_once(committer: Committer) -> None:
        container = committer.attempt.container
        for file in committer.plan.files:
            if file.spool is None:
                there = {blob.name: blob.etag for blob in container.find(file.part.name)}
                container.commit(file, etag=there.get(file.part.name), content_type="application/gzip")
        real(committer)

    patch.setattr(Committer, "prepare", at_once)


def commit_before_fence(patch: pytest.MonkeyPatch) -> None:
    """Put the new files beside the old ones, and delete those afterwards."""
    real = Committer.publish

    def published(committer: Committer) -> None:
        wanted = {file.part.name for file in committer.plan.files}
        for file in committer.plan.files:
            if not committer.inventory.has(file.part):
                committer._commit(file, committer._part_etag(file.part.name))
        for name in committer.changes.stale():
            if name not in wanted:
                committer._fence(name, committer._part_etag(name))
        real(committer)

    patch.setattr(Committer, "fence", Committer._retract_marker)
    patch.setattr(Committer, "publish", published)


def change_parts_under_the_marker(patch: pytest.MonkeyPatch) -> None:
    """Leave the marker there while its parts are changed."""
    patch.setattr(Changes, "markers_to_fence", lambda _changes: iter(()))
    patch.setattr(Changes, "marker_stays", lambda changes: changes.marker_there() is not None)


def delete_without_fencing(patch: pytest.MonkeyPatch) -> None:
    """Delete what is not wanted any more, and leave the blocks that a zombie has sent for it."""

    def fence(committer: Committer, name: str, etag: str | None) -> None:
        committer.lease.ensure_held()
        if etag is not None:
            committer.attempt.container.delete(name, etag=etag)

    patch.setattr(Committer, "_fence", fence)


def forget_doubts(patch: pytest.MonkeyPatch) -> None:
    """Ignore what earlier attempts may still commit."""
    patch.setattr(Changes, "doubts", lambda _changes: iter(()))


def leave_an_unfinished_commit(patch: pytest.MonkeyPatch) -> None:
    """Only take inventory; do not complete what an unfinished attempt was about to commit."""

    def incomplete(*_arguments: object) -> None:
        raise Conflict("not completed")

    patch.setattr(recovery, "complete", incomplete)


def replace_by_less(patch: pytest.MonkeyPatch) -> None:
    """Replace an hour by what landing holds, even if that is less."""
    patch.setattr(whole_hour, "missing_rows", lambda *_arguments: None)


def count_landing_blobs(patch: pytest.MonkeyPatch) -> None:
    """Compare how many blobs landing holds, and not which."""
    patch.setattr(LandingFingerprint, "holds", lambda listing, exported: listing.blobs >= exported.blobs)


def look_under_present_names_only(patch: pytest.MonkeyPatch) -> None:
    """Ignore the earlier names of the destination's files."""

    def names(destination: Destination, stream: Stream, hour: Hour) -> HourNames:
        return HourNames(hour, destination.naming(stream))

    patch.setattr(Destination, "hour_names", names)


def delete_markers_without_fencing(patch: pytest.MonkeyPatch) -> None:
    """Delete markers as they are, and leave the blocks that a zombie has sent for them."""
    real = Committer._fence

    def fence(committer: Committer, name: str, etag: str | None) -> None:
        if name.endswith("_complete"):
            committer.lease.ensure_held()
            if etag is not None:
                committer.attempt.container.delete(name, etag=etag)
        else:
            real(committer, name, etag)

    patch.setattr(Committer, "_fence", fence)


def adopt_instead_of_replacing(patch: pytest.MonkeyPatch) -> None:
    """Adopt an hour that is there where a backfill has requested to replace it."""
    real = disposition._for_backfill

    def exporting(*arguments: Any, **named: Any) -> WriteDisposition:  # noqa: ANN401  passed on
        found = real(*arguments, **named)
        return WriteDisposition.EXPORT if found is WriteDisposition.REPLACE else found

    patch.setattr(disposition, "_for_backfill", exporting)


def no_etag_on_the_claim(patch: pytest.MonkeyPatch) -> None:
    """Write the ledger's row over whatever is there by now."""
    real = FakeLedger.put

    def put(ledger: FakeLedger, record: HourRecord, etag: str | None) -> str:
        there = ledger.rows.get((record.key, record.hour))
        return real(ledger, record, there.etag if there else etag)

    patch.setattr(FakeLedger, "put", put)


def swallow_refused_commits(patch: pytest.MonkeyPatch) -> None:
    """Treat a refused commit as one whose answer was lost, without a look at what is there."""
    real = FakeContainer.commit

    def commit(container: FakeContainer, sent: StagedFile, **conditions: Any) -> None:  # noqa: ANN401  passed on
        with suppress(Conflict):
            real(container, sent, **conditions)

    patch.setattr(FakeContainer, "commit", commit)


def believe_every_refusal(patch: pytest.MonkeyPatch) -> None:
    """Treat a refused write as a lost race, even if its own first try has landed.

    This alone breaks no promise: the hour waits for a lease to end. So it is not among ``MUTATIONS``.
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
    """Take every file for the hour's whose name begins alike."""
    prefix = Naming.parts_prefix

    def number(naming: Naming, hour: Hour, name: str) -> int | None:
        return 1 if name.startswith(prefix(naming, hour).rstrip("#_")) and name.endswith(".gz") else None

    patch.setattr(Naming, "parts_prefix", lambda naming, hour: prefix(naming, hour).rstrip("#_"))
    patch.setattr(Naming, "part", lambda naming, hour, part: f"{prefix(naming, hour)}{part}.json.gz")
    patch.setattr(Naming, "part_number", number)


def do_not_compare_slices(patch: pytest.MonkeyPatch) -> None:
    """Export rows that several slices have once for each of them."""
    patch.setattr(join_slices, "_reconcile", lambda *_arguments: ())


def forget_what_was_left_out_at_once(patch: pytest.MonkeyPatch) -> None:
    """Compare slices by what they export: what one has left out comes back when it is staged again."""
    real = Stager.stage

    def stage(
        stager: Stager,
        chosen: Slice,
        drops: Drops,
        rejected: RejectedWriter,
        *before: Any,  # noqa: ANN401
    ) -> StagedSlice:
        left_out = drops()
        staged = real(stager, chosen, lambda: left_out, rejected, *before)
        keys = [key for piece in staged.keys.pieces() for key in split(piece)]
        gone = left_out.known(keys) if left_out else [False] * len(keys)
        mine = (key for key, out in zip(keys, gone, strict=True) if not out)
        return replace(staged, keys=KeySet(mine), excluded=KeysHash())

    patch.setattr(Stager, "stage", stage)


def seem_to_know_many_keys(patch: pytest.MonkeyPatch) -> None:
    """Let every third key be a false hit. That is no mistake: it costs a second staging."""
    real = ApproximateKeySet.known_joined

    def known_joined(keys: ApproximateKeySet, joined: bytes) -> bytes:
        found = zip(split(joined), real(keys, joined), strict=True)
        return bytes(known or zlib.crc32(key) % 3 == 0 for key, known in found)

    def known(keys: ApproximateKeySet, some: list[bytes]) -> list[bool]:
        return list(map(bool, known_joined(keys, b"".join(some))))

    patch.setattr(ApproximateKeySet, "known_joined", known_joined)
    patch.setattr(ApproximateKeySet, "known", known)


def keep_false_hits(patch: pytest.MonkeyPatch) -> None:
    """Leave a slice as it is if it has left out as many keys as it must, or more, whichever they are."""
    seem_to_know_many_keys(patch)
    patch.setattr(SliceResult, "excludes", lambda result, count, _sha256: result.excluded >= count)


def count_left_out_keys(patch: pytest.MonkeyPatch) -> None:
    """Leave a slice as it is if it has left out as many keys as it must, whichever they are."""
    seem_to_know_many_keys(patch)
    patch.setattr(SliceResult, "excludes", lambda result, count, _sha256: result.excluded == count)


def do_not_compare_late_rows(patch: pytest.MonkeyPatch) -> None:
    """Append late rows that are there already."""
    patch.setattr(late_data, "_repeated", lambda *_arguments: None)


def never_check_for_late_data(patch: pytest.MonkeyPatch) -> None:
    """Assume that nothing lands in an hour after it was exported."""
    patch.setattr(export_hour, "is_up_to_date", lambda *_arguments: True)


def pass_over_hours_under_way(patch: pytest.MonkeyPatch) -> None:
    """Count a check for late data as done for an hour that is not done itself."""

    def unseen(moment: Any, hour: Hour, record: HourRecord | None, distance: timedelta) -> bool:  # noqa: ANN401
        if record is None or not record.done:
            return False
        return record.late_checked_at is None or record.late_checked_at < hour.end + moment.settle + distance

    patch.setattr(due_hours.DueRules, "unchecked", unseen)


def do_not_remember_reopened_hours(patch: pytest.MonkeyPatch) -> None:
    """Claim a done hour again without a note for the schedule, which is past it."""
    patch.setattr(FakeReopened, "remember", lambda _reopened, _task: '"none"')
    patch.setattr(FakeReopened, "forget", lambda *_arguments: None)


def forget_a_note_without_its_etag(patch: pytest.MonkeyPatch) -> None:
    """Forget the note of an hour that is done, though a worker is about to claim it again."""

    def forget(gateways: Gateways, note: Versioned[HourTask], _: Versioned[HourRecord]) -> None:
        now = {each.value: each.etag for each in gateways.reopened.all()}
        gateways.reopened.forget(note.value.key, note.value.hour, now.get(note.value, note.etag))

    patch.setattr(reopened, "_forget", forget)


def count_what_others_wrote(patch: pytest.MonkeyPatch) -> None:
    """Count an hour that is done as one that this backfill has done."""
    patch.setattr(Backfill, "fulfilled", lambda _backfill, record, _here: record.done)


def a_lease_for_ever(patch: pytest.MonkeyPatch) -> None:
    """Wait for a dead worker for a year."""
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
        commit_before_fence,
        change_parts_under_the_marker,
        delete_without_fencing,
        forget_doubts,
        leave_an_unfinished_commit,
        no_etag_on_the_claim,
        swallow_refused_commits,
        list_without_the_hash,
        adopt_instead_of_replacing,
        replace_by_less,
        count_landing_blobs,
        look_under_present_names_only,
        delete_markers_without_fencing,
        do_not_compare_slices,
        forget_what_was_left_out_at_once,
        keep_false_hits,
        count_left_out_keys,
        do_not_compare_late_rows,
        never_check_for_late_data,
        pass_over_hours_under_way,
        do_not_remember_reopened_hours,
        forget_a_note_without_its_etag,
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
