"""Verifying one hour: differences between the container, the ledger, the marker and landing are named."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from exporter.domain.claims import LEASE
from exporter.domain.data_types import DataType
from exporter.domain.destination import StorageTarget
from exporter.domain.errors import Fault
from exporter.domain.file_names import NameStyle
from exporter.domain.hour_record import HourRecord
from exporter.domain.marker import Marker, Part
from exporter.domain.verification import Code, Counts, Span
from exporter.verify.hour import FINDINGS_MAX
from exporter.verify.range import (
    VerifyResult,
    span_of,
    verify_at_once,
)
from tests.support.fakes.world import World
from tests.support.verifying import (
    AS_OF,
    MARKER,
    PART,
    Repairs,
    a_merged_world,
    an_exported_world,
    findings,
    verify,
)
from tests.support.worlds import (
    ACME,
    EVENTS,
    HOUR,
    NOW,
    a_world,
    acme,
    an_event,
    attempt,
    the_record,
    with_content,
)


def test_an_hour_that_is_as_it_should_be_is_whole() -> None:
    """So is an hour without rows; the marker may be switched off."""
    for world in (an_exported_world(), an_exported_world(completion_marker=False)):
        destination = world.destinations.all()[0].value
        assert verify(world, destination) == VerifyResult(
            Span(HOUR, HOUR, (DataType.EVENTS,)), Counts(whole=1), ()
        )
    empty = a_world()
    attempt(empty)
    assert verify(empty).counts == Counts(whole=1)


def test_verifying_writes_nothing_at_all() -> None:
    """Neither the customer's storage nor our own changes."""
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
    """Change the hour's record in the ledger."""
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
        lambda world: change_marker(world, parts=(replace(the_record(world).content.parts[0], rows=4),)),
        [(Code.MARKER_DIFFERENT, MARKER), (Code.ROWS_DIFFERENT, HOUR.key)],
        True,
    ),
    "the ledger's parts count other rows": (
        lambda world: change_record(
            world, lambda record: with_content(record, rows=replace(record.content.rows, exported=2))
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
    """Each difference has a code and a name, and nothing else is named."""
    world = an_exported_world()
    do(world)

    (wrong,) = verify(world).wrong

    assert [(each.code, each.name) for each in wrong.findings] == expected
    assert (wrong.hour, wrong.data_type, wrong.repairable) == (HOUR, DataType.EVENTS, repairable)
    assert all(each.detail for each in wrong.findings)


def test_with_fewer_blobs_in_landing_than_were_exported_nothing_is_repaired() -> None:
    """Exporting the hour again would remove rows."""
    world, repairs = a_world(), Repairs()
    for name in ("a.json", "b.json"):
        world.land(EVENTS.stream, HOUR, [an_event(ord(name[0]))], name)
    attempt(world)
    del world.landed.committed[f"{FOLDER}b.json"]
    assert verify(world).counts == Counts(whole=1)
    lose_part(world)

    found = verify(world, repair=repairs)

    assert [(each.findings[0].code, each.repairable) for each in found.wrong] == [(Code.PART_MISSING, False)]
    assert (repairs.hours, found.backfill_id) == ([], None)


def test_an_hour_that_is_there_is_whole_though_landing_keeps_it_no_longer() -> None:
    """Landing need not keep what is exported."""
    world = an_exported_world()
    world.landed.committed.clear()

    assert verify(world).counts == Counts(whole=1)


def test_a_marker_that_was_switched_off_is_unexpected() -> None:
    """Only a marker of this hour is unexpected: other content of that name is the customer's."""
    world = an_exported_world(completion_marker=False)
    record = the_record(world)
    destination = world.destinations.all()[0].value

    world.reader().set(MARKER, b"mine")
    assert findings(world, destination) == []
    world.reader().set(MARKER, Marker(HOUR, DataType.EVENTS, record.content.parts, None).to_json())
    assert findings(world, destination) == [(Code.MARKER_UNEXPECTED, MARKER)]


def test_files_with_similar_names_are_not_findings() -> None:
    """Files with similar names belong to other hours, projects or prefixes, or to the customer."""
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
    """The destination's names were changed since; files with the new names are surplus."""
    world = an_exported_world()
    renamed = acme(name_style=NameStyle.SAFE)

    assert findings(world, renamed) == []
    world.reader().set(PART.replace("#", "_"), b"x")
    assert findings(world, renamed) == [(Code.PART_SURPLUS, PART.replace("#", "_"))]
    lose_part(world)
    assert (Code.PART_MISSING, PART) in findings(world, renamed)


def test_a_part_with_names_of_unknown_settings_is_found_as_it_is() -> None:
    """The hour was adopted: the ledger does not know with which settings it was written."""
    world = an_exported_world()
    change_record(world, lambda record: with_content(record, output=None))

    assert findings(world, acme(name_style=NameStyle.SAFE)) == []


def test_an_hour_that_went_to_another_container_is_elsewhere() -> None:
    """The destination has another container now; exported files stay in the earlier one."""
    world = an_exported_world()

    found = verify(world, acme(storage=StorageTarget("other")))

    assert (found.counts, found.wrong) == (Counts(elsewhere=1), ())


def test_an_hour_that_is_being_exported_is_running_until_its_lease_ends() -> None:
    """Afterwards it is missing."""
    world = a_world()
    world.ledger.put(HourRecord(EVENTS, HOUR).claimed_by("other", "schedule", NOW), None)

    assert verify(world).counts == Counts(running=1)
    assert [each.findings[0].code for each in verify(world, now=NOW + LEASE).wrong] == [Code.HOUR_MISSING]


def test_a_failed_hour_is_missing_with_the_reason() -> None:
    """The finding repeats the hour's error."""
    world = a_world()
    fault = Fault("container_not_found", "There is no container raw.", "Make it.")
    record = HourRecord(EVENTS, HOUR).claimed_by("other", "schedule", NOW).failed(fault, NOW)
    world.ledger.put(record, None)

    (wrong,) = verify(world).wrong

    assert [(each.code, each.detail) for each in wrong.findings] == [
        (Code.HOUR_MISSING, "Its export failed: There is no container raw.")
    ]


def test_without_our_tables_an_hour_that_is_whole_is_only_unrecorded() -> None:
    """The schedule adopts it, so it is not repaired; an incomplete hour is missing."""
    world, repairs = an_exported_world(), Repairs()
    world.ledger.clear()

    (whole,) = verify(world, repair=repairs).wrong
    assert [(each.code, each.name) for each in whole.findings] == [(Code.HOUR_UNRECORDED, MARKER)]
    assert repairs.hours == []

    lose_marker(world)
    assert findings(world) == [(Code.HOUR_MISSING, HOUR.key), (Code.PART_SURPLUS, PART)]


def test_with_the_container_made_anew_every_hour_is_missing() -> None:
    """The ledger alone does not make an hour whole, of either data type."""
    world = a_merged_world()
    world.reader().committed.clear()

    found = verify(world, data_types=None)

    assert found.counts == Counts(wrong=2)
    assert [(each.hour, each.data_type, [f.code for f in each.findings]) for each in found.wrong] == [
        (HOUR, DataType.EVENTS, [Code.PART_MISSING, Code.MARKER_MISSING]),
        (HOUR, DataType.MERGED_IDS, [Code.PART_MISSING, Code.MARKER_MISSING]),
    ]


def test_an_hour_that_is_exported_during_the_check_is_checked_again() -> None:
    """The difference was an export in progress."""
    world = an_exported_world()
    lose_part(world)
    read = world.gateways.landing.blobs

    class Late:
        """Exports the hour anew while landing is listed."""

        def __getattr__(self, name: str) -> object:
            return getattr(world.gateways.landing, name)

        def blobs(self, *place: object) -> object:
            """List the hour's blobs after another worker exported it."""
            if PART not in world.reader().committed:
                world.ledger.clear()
                world.reader().committed.clear()
                attempt(world, claim_id="second")
            return read(*place)  # type: ignore[arg-type]  # passed on

    gateways = replace(world.gateways, landing=Late())  # type: ignore[arg-type]  # the rest is passed on
    span = span_of(gateways, ACME, (HOUR, HOUR), (DataType.EVENTS,), AS_OF)
    found = verify_at_once(gateways, ACME, span, clock=lambda: NOW, as_of=AS_OF, repair=None, request_id="r1")

    assert found is not None
    assert found.counts == Counts(whole=1)


def test_findings_of_one_hour_are_bounded() -> None:
    """An hour of thousands of parts does not fill the answer."""
    world = an_exported_world()
    parts = tuple(Part(PART.replace("#1", f"#{number}"), 0, 1, "x") for number in range(2, FINDINGS_MAX + 10))
    change_record(world, lambda record: with_content(record, parts=(*record.content.parts, *parts)))

    (wrong,) = verify(world).wrong

    # Its parts but the first, and the marker, which does not name them.
    assert (len(wrong.findings), wrong.more) == (FINDINGS_MAX, len(parts) + 1 - FINDINGS_MAX)
