"""The test upload: its report, and that it leaves nothing behind."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from exporter.destinations.connection_test import LEFTOVER_AGE, LEFTOVERS_MAX, ROLE_WAITS, run_connection_test
from exporter.domain.connection_test import ConnectionReport
from exporter.domain.destination import StorageTarget
from exporter.domain.errors import Fault, Transient
from tests.support.fakes.world import World
from tests.support.fakes.writes import Crash
from tests.support.worlds import ACME, NOW, a_world

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
    """Return the result of each step: its code, passed or skipped."""
    return {
        step.name: step.fault.code if step.fault else "skipped" if step.skipped else "passed"
        for step in report.steps
    }


def test_a_container_with_all_permissions_passes_every_step_at_once() -> None:
    """No blob is left, and there was no wait."""
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
def test_each_permission_is_tested_separately(right: str, expected: list[str]) -> None:
    """Only the step that needs the permission fails."""
    world = a_world()
    world.reader().faults[right] = MISSING

    report = tried(world)

    assert list(outcomes(report).values()) == expected
    assert not report.ok
    assert world.pauses == list(ROLE_WAITS)


@pytest.mark.parametrize("trouble", [MISSING, GONE, Transient("503 ServerBusy")])
def test_a_test_that_may_not_delete_says_what_it_has_left(trouble: Fault | Transient) -> None:
    """The report has the full name, so that the customer can delete the blob."""
    if isinstance(trouble, Fault):
        world = a_world()
        world.reader().faults["delete"] = trouble
    else:
        world = a_world(world=World(crash_at=2, error=trouble))

    report = tried(world)

    (left,) = world.reader().names()
    told = {step.name: step.fault.message for step in report.steps if step.fault}
    assert told.keys() == {"delete"}
    assert told["delete"].endswith(f" The test could not delete its blob {left}.")


def test_a_delete_permission_that_comes_late_leaves_no_blob_to_report() -> None:
    """The blob was deleted by a retry."""
    world = a_world()
    world.reader().faults["delete"] = MISSING

    report = run_connection_test(
        DESTINATION, world.containers, test_id=ID, now=NOW, pause=lambda _: world.reader().faults.clear()
    )

    assert report.first_fault is not None
    assert report.first_fault.code == "role_not_effective_yet"
    assert ID not in report.first_fault.message


def test_credentials_without_a_role_get_every_missing_permission_reported() -> None:
    """One test finds all of them, and waits only once."""
    world = a_world()
    world.reader().faults = dict.fromkeys(("write", "read", "list", "delete"), MISSING)

    report = tried(world)

    assert list(outcomes(report).values()) == ["passed", *["missing_action"] * 4]
    assert world.pauses == list(ROLE_WAITS)


def test_one_failed_step_is_enough_where_nothing_works() -> None:
    """The others are skipped if the container does not exist."""
    world = a_world()
    world.reader().faults = dict.fromkeys(("write", "read", "list", "delete"), GONE)

    report = tried(world)

    assert list(outcomes(report).values()) == ["passed", "container_not_found", *["skipped"] * 3]
    assert world.pauses == []


@pytest.mark.parametrize("right", ["write", "read", "list", "delete"])
@pytest.mark.parametrize("refusals", range(1, len(ROLE_WAITS) + 1))
def test_a_role_that_becomes_effective_is_told_from_a_missing_one(right: str, refusals: int) -> None:
    """Refused at first, then granted: the customer has only to wait."""
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


def test_another_fault_during_the_retries_is_reported_as_such() -> None:
    """The container was deleted during the wait."""
    world = a_world()
    blobs = world.reader()
    blobs.faults["write"] = MISSING

    def pause(_: float) -> None:
        blobs.faults["write"] = GONE

    report = run_connection_test(DESTINATION, world.containers, test_id=ID, now=NOW, pause=pause)

    assert outcomes(report)["write"] == "container_not_found"


def test_busy_storage_is_reported_as_such() -> None:
    """There is nothing to repair."""
    world = World(crash_at=2, error=Transient("503 ServerBusy"))
    a_world(world=world)

    assert outcomes(tried(world))["delete"] == "busy"


@dataclass
class Forgetful:
    """Containers with a cached client, which the test must not use."""

    world: World
    anew_for: list[str] = field(default_factory=list)

    def open(self, destination: object) -> None:
        """Return the cached client."""
        raise AssertionError(destination)

    def anew(self, destination: object) -> object:
        """Return a client without cached tokens."""
        self.anew_for.append("once")
        return self.world.containers.open(destination)  # type: ignore[arg-type]  # a destination


def test_it_signs_in_again() -> None:
    """A token from before the expiry of the secret would still work."""
    containers = Forgetful(a_world())

    report = run_connection_test(DESTINATION, containers, test_id=ID, now=NOW)  # type: ignore[arg-type]  # a stand-in

    assert report.ok
    assert containers.anew_for == ["once"]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write", [1, 2])
def test_the_blob_of_a_test_that_died_is_deleted_by_a_later_one(write: int, moment: str) -> None:
    """At whatever call the test died; a young blob may belong to a running test."""
    world = a_world(world=World(crash_at=write, moment=moment))
    with pytest.raises(Crash):
        tried(world, test_id=OTHER_ID)
    left = world.reader().names()

    assert tried(world, at=LEFTOVER_AGE).ok
    assert world.reader().names() == left

    assert tried(world, at=LEFTOVER_AGE + timedelta(seconds=1)).ok
    assert world.reader().names() == []


def leftover(world: World, name: str = f"p/_export_test/{OTHER_ID}") -> bytes:
    """Let a test die long ago, and return the blob that it left."""
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
def test_only_blobs_with_names_of_a_test_are_deleted(name: str) -> None:
    """Even with the same content; and only below the same prefix."""
    world = a_world()
    leftover(world, name)

    assert tried(world).ok
    assert world.reader().names() == [name]


def test_only_blobs_with_the_content_of_a_test_are_deleted() -> None:
    """Other content under such a name belongs to the customer."""
    world, name = a_world(), f"p/_export_test/{OTHER_ID}"
    body = leftover(world)
    for theirs in (b"", b"precious", body + b"\n", body[1:], body.replace(b"2026", b"20x6")):
        world.reader().set(name, theirs)
        assert tried(world).ok
        assert world.reader().committed[name].body == theirs


def test_the_cleanup_is_bounded_and_its_errors_do_not_fail_the_test() -> None:
    """A full folder does not slow the test down; the next test continues."""
    world = a_world()
    body = leftover(world)
    for number in range(LEFTOVERS_MAX + 3):
        world.reader().set(f"p/_export_test/{number:032x}", body)

    assert tried(world).ok
    assert len(world.reader().names()) == 4
    assert tried(world).ok
    assert world.reader().names() == []
