"""Verifying: what is said of a container that is, and that is not, as it should be."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from exporter.domain.destination import Destination, Status, StorageTarget
from exporter.domain.errors import Conflict, DestinationFault, Fault, Invalid, NotPossible, Scope
from exporter.domain.file_names import NameStyle
from exporter.domain.hour import Hour
from exporter.domain.hour_record import LEASE, HourRecord, HourTask, StreamProgress
from exporter.domain.marker import Marker, Part
from exporter.domain.streams import DataType
from exporter.domain.verification import Code, Counts, Span
from exporter.schedule.ledger_view import AsOf
from exporter.verify.hour import FINDINGS_MAX
from exporter.verify.range import (
    AT_ONCE_MAX,
    AT_ONCE_TIME,
    Hours,
    VerifyResult,
    check_hours,
    fits_at_once,
    repairing,
    span_of,
    verify_at_once,
)
from tests.support.fakes.world import World
from tests.support.worlds import (
    ACME,
    EVENTS,
    HOUR,
    MERGED_IDS,
    NOW,
    SETTLE,
    TASK,
    a_merge,
    a_world,
    acme,
    an_event,
    attempt,
    the_record,
)

VIEW = AsOf(NOW, SETTLE)
PART, MARKER = "187520_2026-01-31_12#1.json.gz", "187520_2026-01-31_12_complete"
LATER = NOW + timedelta(hours=2)


class Asked:
    """Keeps what it was asked to repair."""

    def __init__(self) -> None:
        self.hours: list[tuple[str, Hours]] = []

    def __call__(self, destination: Destination, hours: Hours, request_id: str) -> str:
        """Name the backfill after its request."""
        self.hours.append((destination.id, hours))
        return f"b-{request_id}"


def verify(  # noqa: PLR0913  each by its name
    world: World,
    destination: Destination = ACME,
    asked: tuple[Hour, Hour] = (HOUR, HOUR),
    *,
    data_types: tuple[DataType, ...] | None = (DataType.EVENTS,),
    now: datetime = NOW,
    repair: Asked | None = None,
) -> VerifyResult:
    """Verify hours at a time that stands still."""
    as_of = AsOf(now, SETTLE)
    span = span_of(world.gateways, destination, asked, data_types, as_of)
    found = verify_at_once(
        world.gateways, destination, span, clock=lambda: now, as_of=as_of, repair=repair, request_id="r1"
    )
    assert found is not None
    return found


def findings(world: World, destination: Destination = ACME) -> list[tuple[Code, str]]:
    """Return what is found wrong with the hour's events: codes and names."""
    return [(each.code, each.name) for wrong in verify(world, destination).wrong for each in wrong.findings]


def an_exported_world(**changes: object) -> World:
    """Make a world whose hour of three events is exported."""
    world = a_world(acme(**changes))
    world.land(EVENTS.stream, HOUR, [an_event(number) for number in range(3)])
    attempt(world)
    return world


def a_merged_world() -> World:
    """Make a world whose hour of events and hour of merged ids are exported."""
    world = an_exported_world()
    world.land(MERGED_IDS.stream, HOUR, [a_merge(1)])
    attempt(world, task=HourTask(MERGED_IDS, HOUR))
    return world


def test_an_hour_that_is_as_it_should_be_is_whole() -> None:
    """And so is one without any row, with a marker or without."""
    for world in (an_exported_world(), an_exported_world(completion_marker=False)):
        destination = world.destinations.all()[0].value
        assert verify(world, destination) == VerifyResult(
            Span(HOUR, HOUR, (DataType.EVENTS,)), Counts(whole=1), ()
        )
    empty = a_world()
    attempt(empty)
    assert verify(empty).counts == Counts(whole=1)


def test_verifying_writes_nothing_at_all() -> None:
    """Neither at the customer's nor in our tables."""
    world = an_exported_world()
    world.writes.log.clear()

    verify(world)

    assert world.writes.log == []


def lose_part(world: World) -> None:
    """Delete the hour's part."""
    del world.reader().committed[PART]


def lose_part_and_landing(world: World) -> None:
    """Delete the hour's part, and what it was made of."""
    lose_part(world)
    world.landed.committed.clear()


def lose_marker(world: World) -> None:
    """Delete the hour's marker."""
    del world.reader().committed[MARKER]


def change_record(world: World, change: Callable[[HourRecord], HourRecord]) -> None:
    """Change what the ledger says of the hour."""
    found = world.ledger.get(EVENTS, HOUR)
    assert found is not None
    world.ledger.put(change(found.value), found.etag)


def change_marker(world: World, **changes: object) -> None:
    """Write another marker."""
    marker = Marker.from_json(world.reader().committed[MARKER].body)
    world.reader().set(MARKER, replace(marker, **changes).to_json())  # type: ignore[arg-type]  # names of fields


FOLDER = EVENTS.stream.landing_folder(HOUR)
WRONG: dict[str, tuple[Callable[[World], object], list[tuple[Code, str]], bool]] = {
    # What is done, what is found, and whether to export the hour again makes it good.
    "a part is gone": (lose_part, [(Code.PART_MISSING, PART)], True),
    "a part is another": (lambda world: world.reader().set(PART, b"x"), [(Code.PART_DIFFERENT, PART)], True),
    "a part was appended to the hour": (
        lambda world: world.reader().set(PART.replace("#1", "#2"), b"x"),
        [(Code.PART_SURPLUS, PART.replace("#1", "#2"))],
        True,
    ),
    "the marker is gone": (lose_marker, [(Code.MARKER_MISSING, MARKER)], True),
    "the marker is none": (
        lambda world: world.reader().set(MARKER, b"{}"),
        [(Code.MARKER_DIFFERENT, MARKER)],
        True,
    ),
    "the marker is another hour's": (
        lambda world: change_marker(world, hour=HOUR.plus(1)),
        [(Code.MARKER_DIFFERENT, MARKER)],
        True,
    ),
    "the marker names another filter": (
        lambda world: change_marker(world, filter_sha256="f" * 64),
        [(Code.MARKER_DIFFERENT, MARKER)],
        True,
    ),
    "the marker counts other rows": (
        lambda world: change_marker(world, parts=(replace(the_record(world).parts[0], rows=4),)),
        [(Code.MARKER_DIFFERENT, MARKER), (Code.ROWS_DIFFERENT, HOUR.key)],
        True,
    ),
    "the ledger's parts count other rows": (
        lambda world: change_record(
            world, lambda record: replace(record, rows=replace(record.rows, exported=2))
        ),
        [(Code.ROWS_DIFFERENT, HOUR.key), (Code.ROWS_DIFFERENT, HOUR.key)],
        True,
    ),
    "a blob landed late": (
        lambda world: world.land(EVENTS.stream, HOUR, [an_event(9)], "late.json"),
        [(Code.LANDING_CHANGED, FOLDER)],
        True,
    ),
    "a blob was replaced by another": (
        lambda world: world.land(EVENTS.stream, HOUR, [an_event(0)]),
        [(Code.LANDING_CHANGED, FOLDER)],
        False,
    ),
    "a part is gone, and landing too": (
        lose_part_and_landing,
        [(Code.PART_MISSING, PART), (Code.LANDING_GONE, FOLDER)],
        False,
    ),
    "the container was made anew": (
        lambda world: world.reader().committed.clear(),
        [(Code.PART_MISSING, PART), (Code.MARKER_MISSING, MARKER)],
        True,
    ),
}


@pytest.mark.parametrize(("do", "expected", "repairable"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_an_hour_is_named(
    do: Callable[[World], object], expected: list[tuple[Code, str]], *, repairable: bool
) -> None:
    """By a code and a name, and nothing else is named."""
    world = an_exported_world()
    do(world)

    (wrong,) = verify(world).wrong

    assert [(each.code, each.name) for each in wrong.findings] == expected
    assert (wrong.hour, wrong.data_type, wrong.repairable) == (HOUR, DataType.EVENTS, repairable)
    assert all(each.detail for each in wrong.findings)


def test_with_fewer_blobs_in_landing_than_were_exported_nothing_is_repaired() -> None:
    """To export the hour again would take rows away from its readers."""
    world, asked = a_world(), Asked()
    for name in ("a.json", "b.json"):
        world.land(EVENTS.stream, HOUR, [an_event(ord(name[0]))], name)
    attempt(world)
    del world.landed.committed[f"{FOLDER}b.json"]
    assert verify(world).counts == Counts(whole=1)
    lose_part(world)

    found = verify(world, repair=asked)

    assert [(each.findings[0].code, each.repairable) for each in found.wrong] == [(Code.PART_MISSING, False)]
    assert (asked.hours, found.backfill_id) == ([], None)


def test_an_hour_that_is_there_is_whole_though_landing_keeps_it_no_longer() -> None:
    """Landing need not keep what is exported."""
    world = an_exported_world()
    world.landed.committed.clear()

    assert verify(world).counts == Counts(whole=1)


def test_a_marker_that_was_switched_off_is_not_to_be_there() -> None:
    """Of this hour, that is: whatever else has the name is the customer's."""
    world = an_exported_world(completion_marker=False)
    record = the_record(world)
    destination = world.destinations.all()[0].value

    world.reader().set(MARKER, b"mine")
    assert findings(world, destination) == []
    world.reader().set(MARKER, Marker(HOUR, DataType.EVENTS, record.parts, None).to_json())
    assert findings(world, destination) == [(Code.MARKER_UNEXPECTED, MARKER)]


def test_neighbours_are_not_spoken_of() -> None:
    """Files whose names begin like ours: of other hours, of projects, of prefixes, and the customer's own."""
    world = an_exported_world()
    for name in (
        "187520_2026-01-31_12#1.json.gz.bak",
        "187520_2026-01-31_12#01.json.gz",
        "187520_2026-01-31_12#x.json.gz",
        "187520_2026-01-31_1#1.json.gz",
        "1875201_2026-01-31_12#1.json.gz",
        "-187520_2026-01-31_12.json.gz",
        "a/187520_2026-01-31_12#2.json.gz",
        "187520_2026-01-31_12_complete.txt",
        "187520_2026-01-31_12_x.json.gz",
    ):
        world.reader().set(name, b"theirs")

    assert findings(world) == []


def test_an_hour_keeps_the_names_that_it_was_written_with() -> None:
    """The destination's were changed since; what is there with the new ones is surplus."""
    world = an_exported_world()
    renamed = acme(name_style=NameStyle.SAFE)

    assert findings(world, renamed) == []
    world.reader().set(PART.replace("#", "_"), b"x")
    assert findings(world, renamed) == [(Code.PART_SURPLUS, PART.replace("#", "_"))]
    lose_part(world)
    assert (Code.PART_MISSING, PART) in findings(world, renamed)


def test_a_part_that_has_names_nobody_knows_any_more_is_found_as_it_is() -> None:
    """The hour was adopted: the ledger does not know with which settings it was written."""
    world = an_exported_world()
    change_record(world, lambda record: replace(record, output=None))

    assert findings(world, acme(name_style=NameStyle.SAFE)) == []


def test_an_hour_that_went_elsewhere_is_said_to_be_there() -> None:
    """The destination has another container now, and what was exported stays where it is."""
    world = an_exported_world()

    found = verify(world, acme(storage=StorageTarget("other")))

    assert (found.counts, found.wrong) == (Counts(elsewhere=1), ())


def test_what_is_owed_is_missing_and_what_is_open_is_not_looked_at() -> None:
    """From the first hour that is owed to the last that is closed."""
    world = an_exported_world()
    day = (HOUR.first_of_day().plus(-48), HOUR.plus(3))

    found = verify(world, asked=day)

    assert found.span == Span(HOUR.first_of_day(), HOUR, (DataType.EVENTS,), open=3)
    assert found.counts == Counts(whole=1, wrong=12)
    assert [each.hour for each in found.wrong] == [HOUR.plus(-number) for number in range(12, 0, -1)]
    assert {finding.code for each in found.wrong for finding in each.findings} == {Code.HOUR_MISSING}


def test_hours_that_are_all_open_or_before_everything_are_none() -> None:
    """Nothing to look at is no fault."""
    world = an_exported_world()

    later = verify(world, asked=(HOUR.plus(1), HOUR.plus(2)))
    before = verify(world, asked=(Hour.parse("0001-01-01T00"), HOUR.plus(-100)))

    assert (later.counts.checked, later.span.open) == (0, 2)
    assert (before.counts.checked, before.span.open) == (0, 0)


def test_an_hour_that_is_being_exported_is_running_until_its_lease_ends() -> None:
    """Then it is missing: nobody brings it."""
    world = a_world()
    world.ledger.put(HourRecord(EVENTS, HOUR).claimed_by("somebody", "schedule", NOW), None)

    assert verify(world).counts == Counts(running=1)
    assert [each.findings[0].code for each in verify(world, now=NOW + LEASE).wrong] == [Code.HOUR_MISSING]


def test_a_failed_hour_is_missing_with_the_reason() -> None:
    """So that nobody has to look it up."""
    world = a_world()
    fault = Fault("container_not_found", "There is no container raw.", "Make it.")
    record = HourRecord(EVENTS, HOUR).claimed_by("somebody", "schedule", NOW).failed(fault, NOW)
    world.ledger.put(record, None)

    (wrong,) = verify(world).wrong

    assert [(each.code, each.detail) for each in wrong.findings] == [
        (Code.HOUR_MISSING, "It failed: There is no container raw.")
    ]


def test_without_our_tables_an_hour_that_is_whole_is_only_unrecorded() -> None:
    """The schedule takes it as it is, so it is not exported again; what is not whole is."""
    world, asked = an_exported_world(), Asked()
    world.ledger.clear()

    (whole,) = verify(world, repair=asked).wrong
    assert [(each.code, each.name) for each in whole.findings] == [(Code.HOUR_UNRECORDED, MARKER)]
    assert asked.hours == []

    lose_marker(world)
    assert findings(world) == [(Code.HOUR_MISSING, HOUR.key), (Code.PART_SURPLUS, PART)]


def test_with_the_container_made_anew_every_hour_is_missing() -> None:
    """The ledger does not make it whole: not of one data type, and not of the other."""
    world = a_merged_world()
    world.reader().committed.clear()

    found = verify(world, data_types=None)

    assert found.counts == Counts(wrong=2)
    assert [(each.hour, each.data_type, [f.code for f in each.findings]) for each in found.wrong] == [
        (HOUR, DataType.EVENTS, [Code.PART_MISSING, Code.MARKER_MISSING]),
        (HOUR, DataType.MERGED_IDS, [Code.PART_MISSING, Code.MARKER_MISSING]),
    ]


def test_a_container_that_is_gone_is_the_customers_to_repair() -> None:
    """The answer is what is wrong and how to repair it, not a list of hours."""
    world = an_exported_world()
    world.reader().faults["list"] = Fault("container_not_found", "gone", "create it")

    with pytest.raises(DestinationFault, match="container_not_found"):
        verify(world)


def test_an_hour_that_is_exported_during_the_look_is_looked_at_again() -> None:
    """What seemed wrong was a moment of the export."""
    world = an_exported_world()
    lose_part(world)
    read = world.gateways.landing.blobs

    class Late:
        """Exports the hour anew while landing is listed."""

        def __getattr__(self, name: str) -> object:
            return getattr(world.gateways.landing, name)

        def blobs(self, *asked: object) -> object:
            """List, after somebody has come."""
            if PART not in world.reader().committed:
                world.ledger.clear()
                world.reader().committed.clear()
                attempt(world, claim_id="second")
            return read(*asked)  # type: ignore[arg-type]  # passed on

    gateways = replace(world.gateways, landing=Late())  # type: ignore[arg-type]  # the rest is passed on
    span = span_of(gateways, ACME, (HOUR, HOUR), (DataType.EVENTS,), VIEW)
    found = verify_at_once(gateways, ACME, span, clock=lambda: NOW, as_of=VIEW, repair=None, request_id="r1")

    assert found is not None
    assert found.counts == Counts(whole=1)


def test_a_repair_asks_for_exactly_the_hours_that_are_wrong() -> None:
    """Each once, with its data type; and for nothing if nothing is wrong."""
    world, asked = a_merged_world(), Asked()

    assert verify(world, data_types=None, repair=asked).backfill_id is None
    del world.reader().committed["-189524_2026-01-31_12.json.gz"]
    found = verify(world, data_types=None, asked=(HOUR.plus(-1), HOUR), repair=asked)

    assert found.backfill_id == "b-r1"
    assert asked.hours == [
        ("acme", [(DataType.EVENTS, HOUR.plus(-1)), (DataType.MERGED_IDS, HOUR)]),
    ]


def test_findings_of_one_hour_are_bounded() -> None:
    """An hour of thousands of parts does not fill the answer."""
    world = an_exported_world()
    parts = tuple(Part(PART.replace("#1", f"#{number}"), 0, 1, "x") for number in range(2, FINDINGS_MAX + 10))
    change_record(world, lambda record: replace(record, parts=(*record.parts, *parts)))

    (wrong,) = verify(world).wrong

    # Its parts but the first, and the marker, which does not name them.
    assert (len(wrong.findings), wrong.more) == (FINDINGS_MAX, len(parts) + 1 - FINDINGS_MAX)


def test_what_takes_too_long_is_not_answered_at_once() -> None:
    """The host's front would give up on the answer."""
    world = an_exported_world()
    span = Span(HOUR.plus(-11), HOUR, (DataType.EVENTS,))
    moments = iter(NOW + number * AT_ONCE_TIME / 20 for number in range(1000))

    found = verify_at_once(
        world.gateways, ACME, span, clock=lambda: next(moments), as_of=VIEW, repair=None, request_id="r1"
    )

    assert found is None


def test_only_a_short_span_is_answered_at_once() -> None:
    """A week of one data type, half of it of two."""
    week = Span(HOUR, HOUR.plus(AT_ONCE_MAX - 1), (DataType.EVENTS,))

    assert fits_at_once(week)
    assert not fits_at_once(replace(week, last=week.last.plus(1)))
    assert not fits_at_once(replace(week, data_types=(DataType.EVENTS, DataType.MERGED_IDS)))


def test_a_data_type_that_the_destination_does_not_get_is_refused() -> None:
    """Rather than found to be whole."""
    with pytest.raises(Invalid) as caught:
        span_of(a_world().gateways, acme(org_id=None), (HOUR, HOUR), (DataType.MERGED_IDS,), VIEW)

    assert [problem.field for problem in caught.value.problems] == ["data_types"]


def test_only_an_active_destination_is_repaired() -> None:
    """Its hours would not be exported."""
    asked = Asked()

    assert repairing(ACME, asked) is asked
    with pytest.raises(NotPossible, match="not active"):
        repairing(acme(status=Status.PAUSED), asked)


class Refusing:
    """Containers in which one blob cannot be read; all else is passed on."""

    def __init__(self, inner: object, name: str, error: Exception) -> None:
        self._inner = inner
        self._name = name
        self._error = error

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def open(self, destination: Destination) -> object:
        """Open one."""
        return Refusing(self._inner.open(destination), self._name, self._error)  # type: ignore[attr-defined]  # containers

    def read(self, name: str) -> object:
        """Read a blob, unless it is the one."""
        if name == self._name:
            raise self._error
        return self._inner.read(name)  # type: ignore[attr-defined]  # a container


@pytest.mark.parametrize(
    "error",
    [
        *(
            DestinationFault(Fault(code, f"The blob {MARKER} says {code}.", "See to it.", Scope.BLOB))
            for code in ("blob_archived", "blob_leased", "storage_refused")
        ),
        Conflict("the blob was changed by another writer"),
    ],
    ids=lambda error: error.fault.code if isinstance(error, DestinationFault) else "changed",
)
def test_what_cannot_be_read_is_told_of_its_hour_and_the_others_are_looked_at(error: Exception) -> None:
    """A marker that is archived, leased or gone meanwhile says nothing about other hours."""
    world = an_exported_world()
    for hours in (1, 2):
        attempt(world, task=replace(TASK, hour=HOUR.plus(-hours)))
    world.schedule.put(EVENTS, StreamProgress(EVENTS, HOUR.plus(-2), HOUR.plus(1)))
    name = f"187520_{HOUR.date}_{HOUR.plus(-1).start.hour}_complete"
    refusing = Refusing(world.containers, name, error)
    asked = Asked()

    found = verify_at_once(
        replace(world.gateways, containers=refusing),  # type: ignore[arg-type]  # all else is passed on
        ACME,
        Span(HOUR.plus(-2), HOUR, (DataType.EVENTS,)),
        clock=lambda: NOW,
        as_of=VIEW,
        repair=asked,
        request_id="r1",
    )

    assert found is not None
    assert found.counts == Counts(whole=2, wrong=1)
    ((wrong,), (finding,)) = (found.wrong, found.wrong[0].findings)
    assert (wrong.hour, finding.code, finding.name) == (HOUR.plus(-1), Code.UNREADABLE, HOUR.plus(-1).key)
    if isinstance(error, DestinationFault):
        assert finding.detail == error.fault.message
    assert (wrong.repairable, asked.hours) == (False, [])


def test_what_is_wrong_with_a_whole_destination_is_not_told_hour_by_hour() -> None:
    """It is one thing to repair, and nothing can be said of any hour before."""
    world = an_exported_world()
    refused = DestinationFault(Fault("secret_expired", "It has expired.", "Make a new one."))
    refusing = Refusing(world.containers, MARKER, refused)
    span = Span(HOUR, HOUR, (DataType.EVENTS,))

    with pytest.raises(DestinationFault, match="secret_expired"):
        list(
            check_hours(
                replace(world.gateways, containers=refusing),  # type: ignore[arg-type]  # as above
                ACME,
                span,
                lambda: NOW,
                VIEW,
            )
        )


class Counted:
    """Passes everything on, and writes down what was called."""

    def __init__(self, inner: object, calls: list[str]) -> None:
        self._inner = inner
        self._calls = calls

    def __getattr__(self, name: str) -> object:
        found = getattr(self._inner, name)

        def called(*arguments: object) -> object:
            self._calls.append(name)
            return Counted(found(*arguments), self._calls) if name == "open" else found(*arguments)

        return called


def test_a_look_at_a_whole_hour_takes_four_calls_to_storage() -> None:
    """Its files of either style, its marker, and landing; the ledger is read for all hours together."""
    world = an_exported_world()
    attempt(world, task=replace(TASK, hour=HOUR.plus(-1)))
    calls: list[str] = []
    gateways = replace(
        world.gateways,
        containers=Counted(world.containers, calls),  # type: ignore[arg-type]  # all is passed on
        landing=Counted(world.gateways.landing, calls),  # type: ignore[arg-type]  # as above
        ledger=Counted(world.ledger, calls),  # type: ignore[arg-type]  # as above
    )
    span = Span(HOUR.plus(-1), HOUR, (DataType.EVENTS,))
    world.schedule.put(EVENTS, StreamProgress(EVENTS, span.first, HOUR.plus(1)))

    found = verify_at_once(gateways, ACME, span, clock=lambda: NOW, as_of=VIEW, repair=None, request_id="r1")

    assert found is not None
    assert found.counts == Counts(whole=2)
    assert sorted(calls) == sorted(["open", "between", *2 * ["find", "find", "read", "blobs"]])
