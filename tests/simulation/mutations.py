"""The implementation, broken on purpose: each way is one that the design warns of, or that once was ours."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from exporter.actions import export_hour, look_for_late, plan_owed_hours, put_in_place, run_slices, write_hour
from exporter.actions.hold import Held
from exporter.actions.put_in_place import GZIP, MARKER_TYPE, Placing
from exporter.domain.backfills import Backfill, Came
from exporter.domain.errors import Conflict
from exporter.domain.hours import Hour
from exporter.domain.ledger import HourRecord
from exporter.domain.names import Naming
from tests.fakes import FakeContainer, FakeReopened

type Break = Callable[[pytest.MonkeyPatch], None]


def commit_before_recording(patch: pytest.MonkeyPatch) -> None:
    """What is about to be committed is recorded only when it is."""
    record, finish = put_in_place.record_layout, Held.finish

    def later(*arguments: Any) -> object:  # noqa: ANN401  passed on
        held = arguments[-1]
        held.write, held.changes = (changes := []).append, changes
        try:
            return record(*arguments)
        finally:
            del held.write

    def finished(held: Any) -> None:  # noqa: ANN401  with what was put on it
        for change in getattr(held, "changes", ()):
            held.write(change)
        finish(held)

    for module in (write_hour, run_slices, look_for_late):
        patch.setattr(module, "record_layout", later)
    patch.setattr(Held, "finish", finished)


def commit_before_clearing(patch: pytest.MonkeyPatch) -> None:
    """New files first, then away with those that are no longer needed."""

    def call(placing: Placing) -> None:
        stale = placing._stale()  # noqa: SLF001  it is broken on purpose
        etag = placing._unmark(changes=bool(stale))  # noqa: SLF001
        there = {name: blob.etag for name, blob in placing.found.parts.items()}
        for sent in placing.layout.sent:
            placing.container.commit(sent, etag=there.get(sent.part.name))
        wanted = {sent.part.name for sent in placing.layout.sent}
        for name in stale:
            if name not in wanted:
                placing._clear(name)  # noqa: SLF001
        if placing.marker is not None:
            placing.container.commit(placing.marker, etag=etag, content_type=MARKER_TYPE)

    patch.setattr(Placing, "__call__", call)


def delete_without_writing_over(patch: pytest.MonkeyPatch) -> None:
    """A file is only deleted: the blocks that a rival has sent for it stay."""

    def clear(placing: Placing, name: str) -> None:
        there = placing.found.parts.get(name)
        if there is not None:
            placing.container.delete(name, etag=there.etag)

    patch.setattr(Placing, "_clear", clear)


def claim_without_etag(patch: pytest.MonkeyPatch) -> None:
    """Whoever writes the ledger last is right."""

    def write(held: Any, change: Callable[[HourRecord], HourRecord]) -> None:  # noqa: ANN401  broken on purpose
        changed = change(held._record)
        found = held._ledger.get(changed.key, changed.hour)
        held._etag = held._ledger.put(changed, found.etag if found else None)
        held._record = changed

    def claim(ledger: Any, found: Any, task: Any, claim_id: str, clock: Any) -> Held:  # noqa: ANN401
        record = found.value if found else HourRecord(task.key, task.hour)
        taken = record.take(claim_id, task.requested_by, clock())
        now = ledger.get(task.key, task.hour)
        return Held(ledger, taken, ledger.put(taken, now.etag if now else None), clock)

    patch.setattr(Held, "_write", write)
    patch.setattr(export_hour, "claim", claim)


def believe_a_refused_condition(patch: pytest.MonkeyPatch) -> None:
    """A commit whose condition does not hold is taken for done: somebody else must have been faster."""
    commit = FakeContainer.commit

    def believing(container: FakeContainer, sent: Any, *, etag: Any, content_type: str = GZIP) -> None:  # noqa: ANN401
        with suppress(Conflict):
            commit(container, sent, etag=etag, content_type=content_type)

    patch.setattr(FakeContainer, "commit", believing)


def list_without_the_number_sign(patch: pytest.MonkeyPatch) -> None:
    """Hour 1 is whatever begins like hour 1."""
    prefix = Naming.parts_prefix

    def shorter(naming: Naming, hour: Hour) -> str:
        return prefix(naming, hour).removesuffix("#")

    def number(naming: Naming, hour: Hour, name: str) -> int | None:
        return 1 if name.startswith(shorter(naming, hour)) and name.endswith(".gz") else None

    patch.setattr(Naming, "parts_prefix", shorter)
    patch.setattr(Naming, "part_number", number)


def leave_the_marker(patch: pytest.MonkeyPatch) -> None:
    """The marker stays until it is written over."""

    def unmark(placing: Placing, *, changes: bool) -> str | None:  # noqa: ARG001  as it is called
        return placing.found.marker.etag if placing.found.marker else None

    patch.setattr(Placing, "_unmark", unmark)


def forget_doubts(patch: pytest.MonkeyPatch) -> None:
    """What attempts before the last one may still commit is not remembered."""
    staged = HourRecord.staged

    def forgetful(record: HourRecord, *arguments: Any) -> HourRecord:  # noqa: ANN401  passed on
        from dataclasses import replace  # noqa: PLC0415

        return replace(staged(record, *arguments), in_doubt=())

    patch.setattr(HourRecord, "staged", forgetful)


def adopt_whatever_is_marked(patch: pytest.MonkeyPatch) -> None:
    """A true marker is enough, whoever asks, and whatever a dead worker may still do."""
    patch.setattr(write_hour, "_adoptable", lambda *_, **__: True)


def do_not_compare_late_rows(patch: pytest.MonkeyPatch) -> None:
    """What landed late is added as it is."""
    patch.setattr(look_for_late, "_repeated", lambda *_: ())


def do_not_compare_slices(patch: pytest.MonkeyPatch) -> None:
    """Each slice drops only its own duplicates."""
    patch.setattr(run_slices, "_reconcile", lambda *_: ())


def do_not_note_what_is_taken_again(patch: pytest.MonkeyPatch) -> None:
    """An hour that was done is taken without anybody knowing."""
    patch.setattr(FakeReopened, "note", lambda *_: "none")


def never_look_again(patch: pytest.MonkeyPatch) -> None:
    """Nobody looks for what landed late."""
    patch.setattr(plan_owed_hours._Moment, "unseen", lambda *_: False)  # noqa: SLF001


def pass_over_hours_under_way(patch: pytest.MonkeyPatch) -> None:
    """An hour that is not done is not looked at for late blobs: as if its export had yet to list them."""
    unseen = plan_owed_hours._Moment.unseen  # noqa: SLF001

    def passing(moment: Any, hour: Hour, record: HourRecord | None, distance: timedelta) -> bool:  # noqa: ANN401
        return record is not None and record.done and unseen(moment, hour, record, distance)

    patch.setattr(plan_owed_hours._Moment, "unseen", passing)  # noqa: SLF001


def end_when_all_is_queued(patch: pytest.MonkeyPatch) -> None:
    """A backfill takes every hour that is done for done since it was asked for."""
    came = Backfill.came

    def careless(backfill: Backfill, record: HourRecord | None, standing: Any) -> Came:  # noqa: ANN401
        return Came.DONE if record is not None and record.done else came(backfill, record, standing)

    patch.setattr(Backfill, "came", careless)


def lease_for_ever(patch: pytest.MonkeyPatch) -> None:
    """A worker that died keeps its hour."""
    patch.setattr(HourRecord, "claimed", lambda record, _: record.claim is not None)


MUTATIONS: dict[Break, int] = {}
