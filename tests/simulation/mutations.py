"""The implementation, broken on purpose: what a simulated world has to notice.

Each mutation is a mistake that somebody once made, or that is easily made, in a line or two.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from exporter.actions.look import Found, look
from exporter.actions.put_in_place import Layout, Placing

from exporter.actions import (
    export_hour,
    look_for_late,
    plan_owed_hours,
    put_in_place,
    run_slices,
    see_to_reopened,
    write_hour,
)
from exporter.actions.hold import Held
from exporter.actions.ports import Container, Gateways
from exporter.actions.stage import RejectedWriter, Staged, Stager
from exporter.actions.turns import Turn
from exporter.domain.backfills import Backfill, Came
from exporter.domain.destination import Destination
from exporter.domain.errors import Conflict
from exporter.domain.hours import Hour
from exporter.domain.ledger import HourRecord, HourTask
from exporter.domain.marker import Sent
from exporter.domain.names import Naming
from exporter.domain.slices import Slice
from exporter.domain.standing import Standing
from exporter.domain.stored import Versioned
from exporter.pipeline.seen import SeenKeys, split
from tests.fakes import FakeBlobs, FakeContainer, FakeLedger, FakeReopened, FakeTable
from tests.simulation.happenings import live
from tests.simulation.truth import BrokenPromise

type Mutation = Callable[[pytest.MonkeyPatch], None]


def commit_before_all_is_recorded(patch: pytest.MonkeyPatch) -> None:
    """Commit first and write down afterwards what was committed."""
    real_finish = Held.finish
    record: list[Callable[[HourRecord], HourRecord]] = []
    real = put_in_place.record_layout

    def later(
        layout: Layout, destination: Destination, naming: Naming, container: Container, held: Held
    ) -> Sent | None:
        with pytest.MonkeyPatch.context() as deferring:
            deferring.setattr(held, "write", record.append)
            return real(layout, destination, naming, container, held)

    def finish(held: Held) -> None:
        while record:
            held.write(record.pop())
        real_finish(held)

    for module in (write_hour, look_for_late, run_slices):
        patch.setattr(module, "record_layout", later)
    patch.setattr(Held, "finish", finish)


def commit_before_stage(patch: pytest.MonkeyPatch) -> None:
    """Commit a part as soon as it is staged, before it is known whether the rest can be."""

    def at_once(
        layout: Layout, destination: Destination, naming: Naming, container: Container, held: Held
    ) -> Sent | None:
        for sent in layout.sent:
            there = {blob.name: blob.etag for blob in container.find(sent.part.name)}
            container.commit(sent, etag=there.get(sent.part.name))
        return put_in_place.record_layout(layout, destination, naming, container, held)

    for module in (write_hour, look_for_late, run_slices):
        patch.setattr(module, "record_layout", at_once)


def commit_before_clear(patch: pytest.MonkeyPatch) -> None:
    """Put the new files beside the old ones, and delete those afterwards."""

    def placed(placing: Placing) -> None:
        stale = placing._stale()
        marker_etag = placing._unmark(changes=bool(stale))
        there = {name: blob.etag for name, blob in placing.found.parts.items()}
        for sent in placing.layout.sent:
            placing.held.check()
            placing.container.commit(sent, etag=there.get(sent.part.name))
        for name in stale:
            if all(sent.part.name != name for sent in placing.layout.sent):
                placing._clear(name)
        if placing.marker is not None:
            placing.held.check()
            placing.container.commit(placing.marker, etag=marker_etag)

    patch.setattr(Placing, "__call__", placed)


def delete_before_unmark(patch: pytest.MonkeyPatch) -> None:
    """Leave the marker there while its parts are changed."""

    def left(placing: Placing, *, changes: bool) -> str | None:  # noqa: ARG001  as it is called
        return placing.found.marker.etag if placing.found.marker else None

    patch.setattr(Placing, "_unmark", left)


def delete_without_writing_over(patch: pytest.MonkeyPatch) -> None:
    """Delete what is not wanted any more, and leave the blocks that a sleeper has sent for it."""

    def clear(placing: Placing, name: str) -> None:
        placing.held.check()
        there = placing.found.parts.get(name)
        if there is not None:
            placing.container.delete(name, etag=there.etag)

    patch.setattr(Placing, "_clear", clear)


def forget_doubts(patch: pytest.MonkeyPatch) -> None:
    """Take no notice of what earlier attempts may still commit."""
    real = HourRecord.staged

    def staged(record: HourRecord, *arguments: Any) -> HourRecord:  # noqa: ANN401  passed on
        return real(replace(record, in_doubt=(), committing=False), *arguments)

    patch.setattr(HourRecord, "staged", staged)


def leave_the_marker_of_a_sleeper(patch: pytest.MonkeyPatch) -> None:
    """Only look; do not bring an unfinished attempt's marker to where it was about to be written."""

    def stock(container: Container, naming: Naming, held: Held) -> Found:
        return look(container, naming, held.record.hour, held.record)

    for module in (write_hour, look_for_late, run_slices):
        patch.setattr(module, "take_stock", stock)


def no_etag_on_the_claim(patch: pytest.MonkeyPatch) -> None:
    """Write the ledger's row over whatever is there by now."""
    real = FakeLedger.put

    def put(ledger: FakeLedger, record: HourRecord, etag: str | None) -> str:
        there = ledger.get(record.key, record.hour)
        return real(ledger, record, there.etag if there else etag)

    patch.setattr(FakeLedger, "put", put)


def swallow_refused_commits(patch: pytest.MonkeyPatch) -> None:
    """Take a refused commit for one whose answer was lost, without a look at what is there."""
    real = FakeContainer.commit

    def commit(container: FakeContainer, sent: Sent, **conditions: Any) -> None:  # noqa: ANN401  passed on
        with suppress(Conflict):
            real(container, sent, **conditions)

    patch.setattr(FakeContainer, "commit", commit)


def believe_every_refusal(patch: pytest.MonkeyPatch) -> None:
    """Take a write that was refused for a lost race, even if its own first try has landed.

    This alone breaks no promise: the hour waits for a lease to end. So it is none of ``MUTATIONS``.
    """

    def put[Key, Value](table: FakeTable[Key, Value], key: Key, value: Value, etag: str | None) -> str:
        with table._writes.write(f"{table._name} {key}"):
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

    patch.setattr(FakeTable, "put", put)
    patch.setattr(FakeBlobs, "commit", commit)


def list_without_the_hash(patch: pytest.MonkeyPatch) -> None:
    """Take all for the hour's files that begins like them."""
    prefix = Naming.parts_prefix

    def number(naming: Naming, hour: Hour, name: str) -> int | None:
        return 1 if name.startswith(prefix(naming, hour).rstrip("#")) and name.endswith(".gz") else None

    patch.setattr(Naming, "parts_prefix", lambda naming, hour: prefix(naming, hour).rstrip("#"))
    patch.setattr(Naming, "part_number", number)


def adopt_whatever_is_marked(patch: pytest.MonkeyPatch) -> None:
    """Take an hour with a marker for done, even if an attempt may still commit something else."""
    patch.setattr(write_hour, "_adoptable", lambda *_arguments, **_named: True)


def do_not_compare_slices(patch: pytest.MonkeyPatch) -> None:
    """Export what several slices have several times."""
    patch.setattr(run_slices, "_reconcile", lambda *_arguments: ())


def forget_what_was_left_out_at_once(patch: pytest.MonkeyPatch) -> None:
    """Compare slices by what they export: what one has left out at once, it takes up when staged again."""
    real = Stager.stage

    def stage(
        stager: Stager, chosen: Slice, drops: Iterable[bytes], rejected: RejectedWriter, turn: Turn
    ) -> Staged:
        known = list(drops)
        staged = real(stager, chosen, known, rejected, turn)
        left_out = SeenKeys(known)
        mine = (key for piece in staged.keys.pieces() for key in split(piece) if key not in left_out)
        return replace(staged, keys=SeenKeys(mine), dropped=0)

    patch.setattr(Stager, "stage", stage)


def do_not_compare_late_rows(patch: pytest.MonkeyPatch) -> None:
    """Add late rows that are there already."""
    patch.setattr(look_for_late, "_repeated", lambda *_arguments: ())


def never_look_again(patch: pytest.MonkeyPatch) -> None:
    """Take an hour that was exported for one that nothing can land in."""
    patch.setattr(export_hour, "nothing_late", lambda *_arguments: True)


def pass_over_hours_under_way(patch: pytest.MonkeyPatch) -> None:
    """Count a look for late blobs as done for an hour that is not done itself."""

    def unseen(moment: Any, hour: Hour, record: HourRecord | None, distance: timedelta) -> bool:  # noqa: ANN401
        if record is None or not record.done:
            return False
        return record.looked_at is None or record.looked_at < hour.end + moment.settle + distance

    patch.setattr(plan_owed_hours._Moment, "unseen", unseen)


def do_not_note_what_is_taken_again(patch: pytest.MonkeyPatch) -> None:
    """Take a done hour again without telling the schedule, which is past it."""
    patch.setattr(FakeReopened, "note", lambda _reopened, _task: '"none"')
    patch.setattr(FakeReopened, "forget", lambda *_arguments: None)


def forget_a_note_whoever_took_the_hour(patch: pytest.MonkeyPatch) -> None:
    """Forget the note of an hour that is done, though somebody is about to take it again."""

    def forget(gateways: Gateways, note: Versioned[HourTask], _: Versioned[HourRecord]) -> None:
        now = {each.value: each.etag for each in gateways.reopened.all()}
        gateways.reopened.forget(note.value.key, note.value.hour, now.get(note.value, note.etag))

    patch.setattr(see_to_reopened, "_forget", forget)


def count_what_others_wrote(patch: pytest.MonkeyPatch) -> None:
    """Take an hour that is done for one that this backfill has done."""
    real = Backfill.came

    def came(backfill: Backfill, record: HourRecord | None, standing: Standing, now: datetime) -> Came:
        done = record is not None and record.done
        return Came.DONE if done else real(backfill, record, standing, now)

    patch.setattr(Backfill, "came", came)


def a_lease_for_ever(patch: pytest.MonkeyPatch) -> None:
    """Wait for a dead worker."""
    real = HourRecord.take

    def take(
        record: HourRecord, claim_id: str, requested_by: str, now: datetime, *, round_: int = 0
    ) -> HourRecord:
        return real(record, claim_id, requested_by, now + timedelta(days=365), round_=round_)

    patch.setattr(HourRecord, "take", take)


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
        adopt_whatever_is_marked,
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
