"""The test upload: what it tells, and that it leaves nothing behind."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from exporter.destinations.connection_test import LEFTOVER_AGE, LEFTOVERS_MAX, ROLE_WAITS, run_connection_test
from exporter.domain.connection_test import ConnectionReport
from exporter.domain.destination import StorageTarget
from exporter.domain.errors import Fault, Transient
from tests.fakes import Crash, World
from tests.worlds import ACME, NOW, a_world

STEPS = ["sign_in", "write", "read", "list", "delete"]
MISSING = Fault("missing_action", "The credentials lack it.", "Grant it.", may_pass=True)
GONE = Fault("container_not_found", "There is no container raw.", "Create it.")
DESTINATION = replace(ACME, storage=StorageTarget("raw", prefix="p"))
ID = "0123456789abcdef0123456789abcdef"
OTHER_ID = "f" * 32


def tried(world: World, *, at: timedelta = timedelta(), test_id: str = ID) -> ConnectionReport:
    """Run a test upload some time after ``NOW``."""
    return run_connection_test(
        DESTINATION, world.containers, test_id=test_id, now=NOW + at, pause=world.pauses.append
    )


def outcomes(report: ConnectionReport) -> dict[str, str]:
    """Return how each step went: its code, or that it passed or was skipped."""
    return {
        step.name: step.fault.code if step.fault else "skipped" if step.skipped else "passed"
        for step in report.steps
    }


def test_a_container_that_lets_us_passes_every_step_at_once() -> None:
    """Nothing is left behind, and nobody waited."""
    world = a_world()

    report = tried(world)

    assert report.ok
    assert outcomes(report) == dict.fromkeys(STEPS, "passed")
    assert world.reader().names() == []
    assert world.pauses == []


@pytest.mark.parametrize(
    ("right", "expected"),
    [
        ("sign_in", ["missing_action", "skipped", "skipped", "skipped", "skipped"]),
        ("write", ["passed", "missing_action", "skipped", "passed", "skipped"]),
        ("read", ["passed", "passed", "missing_action", "passed", "passed"]),
        ("list", ["passed", "passed", "passed", "missing_action", "passed"]),
        ("delete", ["passed", "passed", "passed", "passed", "missing_action"]),
    ],
)
def test_each_right_is_tried_by_itself(right: str, expected: list[str]) -> None:
    """The step that needs it fails, and no other."""
    world = a_world()
    world.reader().faults[right] = MISSING

    report = tried(world)

    assert list(outcomes(report).values()) == expected
    assert not report.ok
    assert world.pauses == list(ROLE_WAITS)


@pytest.mark.parametrize("trouble", [MISSING, GONE, Transient("503 ServerBusy")])
def test_a_test_that_may_not_delete_says_what_it_has_left(trouble: Fault | Transient) -> None:
    """By its whole name, so that the customer can delete it; a test that could delete says nothing of it."""
    if isinstance(trouble, Fault):
        world = a_world()
        world.reader().faults["delete"] = trouble
    else:
        world = a_world(world=World(crash_at=2, error=trouble))

    report = tried(world)

    (left,) = world.reader().names()
    told = {step.name: step.fault.message for step in report.steps if step.fault}
    assert told.keys() == {"delete"}
    assert told["delete"].endswith(f" The test has left the blob {left} behind.")


def test_a_right_to_delete_that_comes_late_leaves_nothing_to_tell() -> None:
    """The blob was deleted in the end."""
    world = a_world()
    world.reader().faults["delete"] = MISSING

    report = run_connection_test(
        DESTINATION, world.containers, test_id=ID, now=NOW, pause=lambda _: world.reader().faults.clear()
    )

    assert report.first_fault is not None
    assert report.first_fault.code == "role_not_effective_yet"
    assert ID not in report.first_fault.message


def test_credentials_without_any_role_are_told_every_right_that_is_missing() -> None:
    """One test is enough to know them all, and it waits no longer than for one of them."""
    world = a_world()
    world.reader().faults = dict.fromkeys(("write", "read", "list", "delete"), MISSING)

    report = tried(world)

    assert list(outcomes(report).values()) == ["passed", *["missing_action"] * 4]
    assert world.pauses == list(ROLE_WAITS)


def test_where_nothing_would_work_one_step_tells_it() -> None:
    """A container that is gone needs no five attempts."""
    world = a_world()
    world.reader().faults = dict.fromkeys(("write", "read", "list", "delete"), GONE)

    report = tried(world)

    assert list(outcomes(report).values()) == ["passed", "container_not_found", *["skipped"] * 3]
    assert world.pauses == []


@pytest.mark.parametrize("right", ["write", "read", "list", "delete"])
@pytest.mark.parametrize("refusals", range(1, len(ROLE_WAITS) + 1))
def test_a_role_that_becomes_effective_meanwhile_is_told_apart_from_a_missing_one(
    right: str, refusals: int
) -> None:
    """Refused at first, then let in: nothing is wrong, but it is not to be relied on yet."""
    world = a_world()
    blobs = world.reader()
    blobs.faults[right] = MISSING

    def pause(seconds: float) -> None:
        world.pauses.append(seconds)
        if len(world.pauses) == refusals:
            del blobs.faults[right]

    report = run_connection_test(DESTINATION, world.containers, test_id=ID, now=NOW, pause=pause)

    assert outcomes(report) == dict.fromkeys(STEPS, "passed") | {right: "role_not_effective_yet"}
    assert not report.ok
    assert world.pauses == list(ROLE_WAITS[:refusals])
    assert blobs.names() == []


def test_a_right_that_turns_out_to_be_something_else_is_told_as_that() -> None:
    """The container went away while we waited."""
    world = a_world()
    blobs = world.reader()
    blobs.faults["write"] = MISSING

    def pause(_: float) -> None:
        blobs.faults["write"] = GONE

    report = run_connection_test(DESTINATION, world.containers, test_id=ID, now=NOW, pause=pause)

    assert outcomes(report)["write"] == "container_not_found"


def test_a_busy_storage_is_told_as_such() -> None:
    """Nobody has to repair it."""
    world = World(crash_at=2, error=Transient("503 ServerBusy"))
    a_world(world=world)

    assert outcomes(tried(world))["delete"] == "busy"


@dataclass
class Forgetful:
    """Containers that were opened before, and must not be opened in the same way again."""

    world: World
    anew_for: list[str] = field(default_factory=list)

    def open(self, destination: object) -> None:
        """Return what is remembered from an hour ago."""
        raise AssertionError(destination)

    def anew(self, destination: object) -> object:
        """Sign in anew."""
        self.anew_for.append("once")
        return self.world.containers.open(destination)  # type: ignore[arg-type]  # a destination


def test_it_signs_in_anew() -> None:
    """A token from before the secret expired would say that all is well."""
    containers = Forgetful(a_world())

    report = run_connection_test(DESTINATION, containers, test_id=ID, now=NOW)  # type: ignore[arg-type]  # a stand-in

    assert report.ok
    assert containers.anew_for == ["once"]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write", [1, 2])
def test_what_a_test_that_died_left_is_cleared_away_by_a_later_one(write: int, moment: str) -> None:
    """Whatever it died at; a later one because a young blob may be that of a test that goes on."""
    world = a_world(world=World(crash_at=write, moment=moment))
    with pytest.raises(Crash):
        tried(world, test_id=OTHER_ID)
    left = world.reader().names()

    assert tried(world, at=LEFTOVER_AGE).ok
    assert world.reader().names() == left

    assert tried(world, at=LEFTOVER_AGE + timedelta(seconds=1)).ok
    assert world.reader().names() == []


def leftover(world: World, name: str = f"p/_export_test/{OTHER_ID}") -> bytes:
    """Let a test die long ago, and return what it left."""
    dying = a_world(world=World(crash_at=2))
    with pytest.raises(Crash):
        tried(dying, at=timedelta(days=-9))
    (body,) = (blob.body for blob in dying.reader().committed.values())
    world.reader().set(name, body)
    return body


@pytest.mark.parametrize(
    "name",
    [
        f"_export_test/{OTHER_ID}",
        f"other/_export_test/{OTHER_ID}",
        f"p/_export_test/{OTHER_ID}0",
        f"p/_export_test/{OTHER_ID[1:]}",
        f"p/_export_test/x/{OTHER_ID}",
        f"p/_export_test/{OTHER_ID[1:]}g",
        f"p/_export_test-{OTHER_ID}",
    ],
)
def test_only_names_that_a_test_gives_are_cleared_away(name: str) -> None:
    """Of the same content, even; and only below the same prefix."""
    world = a_world()
    leftover(world, name)

    assert tried(world).ok
    assert world.reader().names() == [name]


def test_only_what_a_test_writes_is_cleared_away() -> None:
    """Anything else of such a name is the customer's."""
    world, name = a_world(), f"p/_export_test/{OTHER_ID}"
    body = leftover(world)
    for theirs in (b"", b"precious", body + b"\n", body[1:], body.replace(b"2026", b"20x6")):
        world.reader().set(name, theirs)
        assert tried(world).ok
        assert world.reader().committed[name].body == theirs


def test_clearing_away_is_bounded_and_its_trouble_is_not_the_tests() -> None:
    """A folder full of leftovers makes no test slow, and the next one goes on."""
    world = a_world()
    body = leftover(world)
    for number in range(LEFTOVERS_MAX + 3):
        world.reader().set(f"p/_export_test/{number:032x}", body)

    assert tried(world).ok
    assert len(world.reader().names()) == 4
    assert tried(world).ok
    assert world.reader().names() == []
