"""File names in customers' containers have one owner."""

from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.destinations.edit import Draft, put_destination
from exporter.destinations.find import find_destination
from exporter.destinations.lifecycle import activate, delete, pause, resume
from exporter.destinations.name_claims import ROUNDS_MAX
from exporter.domain.destination import CredentialsType, Destination, Output, Status, StorageTarget
from exporter.domain.errors import Conflict, NotPossible
from exporter.domain.file_names import NameStyle, PathLayout
from exporter.domain.versioned import Rows, Versioned
from tests.support.fakes.world import World
from tests.support.fakes.writes import Crash
from tests.support.worlds import NOW, acme

URL = "https://acme.blob.core.windows.net"
KEY = "AccountKey=aHVudGVyMg=="
FIRST = Draft(
    id="first",
    name="First",
    storage=StorageTarget("raw", URL, "a"),
    credentials_type=CredentialsType.CONNECTION_STRING,
    secret=f"AccountName=acme;{KEY}",
    project_id=187520,
    org_id=189524,
    output=Output(),
)
SECOND = replace(FIRST, id="second")
NAMELESS = replace(FIRST.storage, account_url=None)
SAFE = Output(name_style=NameStyle.SAFE, completion_marker=False)
BY_PROJECT = Output(path_layout=PathLayout.BY_PROJECT)


def put(world: World, draft: Draft, minutes: int = 0) -> Destination:
    """Create or replace a destination."""
    now = NOW + timedelta(minutes=minutes)
    return put_destination(world.gateways, draft, if_match=None, now=now)[0].value


def stored(world: World) -> dict[str, Status]:
    """Return the status of every destination."""
    return {found.value.id: found.value.status for found in world.destinations.all()}


def refused(world: World, draft: Draft, by: str = "first") -> None:
    """Expect that a destination is refused, and that the message names the owner."""
    with pytest.raises(NotPossible, match=f"The destination {by} owns the same file names") as error:
        put(world, draft)
    assert error.value.code == "names_taken"


@pytest.mark.parametrize(
    "second",
    [
        SECOND,
        replace(SECOND, output=SAFE),
        replace(SECOND, org_id=None),
        replace(SECOND, project_id=7),
        replace(SECOND, storage=NAMELESS),
        replace(SECOND, storage=StorageTarget("raw", "https://ACME.Blob.Core.Windows.Net:443/", "a")),
        replace(SECOND, storage=StorageTarget("raw", "https://acme-secondary.blob.core.windows.net", "a")),
        replace(SECOND, storage=NAMELESS, secret=f"BlobEndpoint={URL}/;{KEY}"),
        replace(SECOND, credentials_type=CredentialsType.SAS, secret="sv=1&sig=c2ln"),  # noqa: S106  made up
    ],
    ids=[
        *(
            "equal",
            "another style, no markers",
            "events alone",
            "merged ids alone",
            "no URL",
            "other case",
        ),
        *("that of the copy", "an endpoint", "another way to sign in"),
    ],
)
def test_the_second_destination_that_would_write_a_name_is_refused(second: Draft) -> None:
    """Differences that do not change a blob name do not count."""
    world = World()
    put(world, FIRST)

    refused(world, second)

    assert stored(world) == {"first": Status.DRAFT}


@pytest.mark.parametrize(
    "second",
    [
        replace(SECOND, storage=replace(FIRST.storage, container="other")),
        replace(SECOND, storage=replace(FIRST.storage, prefix="")),
        replace(SECOND, storage=replace(FIRST.storage, prefix="A")),
        replace(SECOND, storage=replace(FIRST.storage, prefix="a/b")),
        replace(SECOND, storage=replace(FIRST.storage, account_url="https://acme2.blob.core.windows.net")),
        replace(SECOND, output=BY_PROJECT),
        replace(SECOND, project_id=7, org_id=8),
        replace(SECOND, project_id=189524, org_id=187520),
        replace(SECOND, project_id=18752, org_id=None),
    ],
    ids=["container", "root", "case", "folder", "account", "layout", "sources", "swapped", "shorter"],
)
def test_destinations_without_a_common_name_may_share_a_container(second: Draft) -> None:
    """Names are case-sensitive; a project and an organization of one number have different names."""
    world = World()
    put(world, FIRST)

    put(world, second)

    assert set(stored(world)) == {"first", "second"}


def test_a_prefix_that_makes_the_folder_of_a_layout_makes_the_same_names() -> None:
    """``a/187520`` with flat, ``a`` with by_project."""
    world = World()
    put(world, replace(FIRST, org_id=None, output=BY_PROJECT))

    refused(world, replace(SECOND, storage=replace(FIRST.storage, prefix="a/187520")))
    put(world, replace(SECOND, storage=replace(FIRST.storage, prefix="a/187521")))


def test_a_prefix_within_the_layout_hive_is_refused() -> None:
    """In one hour, its names would be those of the owner of the layout."""
    world = World()
    put(world, replace(FIRST, output=Output(path_layout=PathLayout.HIVE)))
    within = "a/project_id=187520/date=2020-01-25/hour=05"

    refused(world, replace(SECOND, storage=replace(FIRST.storage, prefix=within)))
    put(world, replace(SECOND, project_id=7, org_id=None, storage=replace(FIRST.storage, prefix=within)))


def test_the_account_may_be_only_in_the_connection_string() -> None:
    """As in stored rows without an account URL."""
    world = World()
    sealed = world.cipher.seal(FIRST.secret or "", destination_id="acme", field="connection_string")
    old = acme(storage=NAMELESS)
    world.destinations.put(replace(old, credentials=replace(old.credentials, sealed=sealed)), None)

    refused(world, SECOND, by="acme")


def test_a_destination_does_not_conflict_with_itself() -> None:
    """It can be replaced, activated, paused, resumed and moved back and forth."""
    world = World()
    for draft in (
        FIRST,
        replace(FIRST, secret=None, name="New"),
        replace(FIRST, storage=StorageTarget("raw", URL)),
    ):
        put(world, draft)
        activate(world.gateways, "first", now=NOW, test_id="t")
    pause(world.gateways, "first")
    resume(world.gateways, "first")
    put(world, FIRST)

    assert stored(world) == {"first": Status.ACTIVE}


def test_names_are_free_again_when_their_owner_is_deleted_or_moves() -> None:
    """Then another destination can claim them, and the first is refused."""
    world = World()
    put(world, FIRST)
    put(world, replace(FIRST, storage=StorageTarget("raw", URL, "b")))
    put(world, SECOND)
    refused(world, FIRST, by="second")

    delete(world.gateways, "second")
    put(world, FIRST)
    refused(world, SECOND)
    delete(world.gateways, "first")
    put(world, SECOND)
    refused(world, FIRST, by="second")


def test_an_active_destination_keeps_the_names_from_before_a_change() -> None:
    """An export of an old hour deletes its files there, and would delete those of another owner."""
    world = World()
    put(world, FIRST)
    activate(world.gateways, "first", now=NOW, test_id="t")
    for storage in (StorageTarget("raw", URL, "b"), StorageTarget("other", URL, "b"), FIRST.storage):
        put(world, replace(FIRST, storage=storage))
    put(world, replace(FIRST, storage=StorageTarget("third", URL)))

    for storage in (FIRST.storage, StorageTarget("raw", URL, "b"), StorageTarget("other", URL, "b")):
        refused(world, replace(SECOND, storage=storage))
    delete(world.gateways, "first")
    put(world, SECOND)


def test_a_destination_created_again_does_not_get_names_of_another_one() -> None:
    """Also not as its earlier names; under another id it has none."""
    world = World()
    put(world, FIRST)
    activate(world.gateways, "first", now=NOW, test_id="t")
    delete(world.gateways, "first")
    put(world, SECOND)

    refused(world, replace(FIRST, storage=StorageTarget("raw", URL, "b")), by="second")
    put(world, replace(FIRST, id="third", storage=StorageTarget("raw", URL, "b")))


def test_of_one_created_again_and_one_claiming_its_names_one_is_refused() -> None:
    """Even if the first moves to another container: the versions of all its containers count."""
    world = World()
    put(world, FIRST)
    activate(world.gateways, "first", now=NOW, test_id="t")
    delete(world.gateways, "first")
    look, looks = world.destinations.all, [1]

    def look_and_be_overtaken() -> Rows[Versioned[Destination]]:
        found = look()
        looks.append(1)
        if len(looks) == 3:
            put(world, SECOND)
        return found

    world.destinations.all = look_and_be_overtaken  # type: ignore[method-assign]

    refused(world, replace(FIRST, storage=StorageTarget("other", URL)), by="second")


def test_a_destination_with_shared_names_is_neither_activated_nor_resumed() -> None:
    """It cannot be replaced with the same names either; after a deletion of the other one it can."""
    world = World()
    for number, status in enumerate((Status.DRAFT, Status.PAUSED)):
        made = acme(id=f"d{number}", status=status, storage=FIRST.storage, created_at=NOW + timedelta(number))
        world.destinations.put(made, None)

    with pytest.raises(NotPossible, match="destination d0 owns the same file names"):
        resume(world.gateways, "d1")
    with pytest.raises(NotPossible, match="destination d1 owns the same file names"):
        activate(world.gateways, "d0", now=NOW, test_id="t")
    refused(world, replace(FIRST, id="d1"), by="d0")
    assert world.reader().names() == []

    delete(world.gateways, "d0")
    resume(world.gateways, "d1")
    assert stored(world)["d1"] is Status.ACTIVE


def test_of_two_concurrent_claims_one_is_refused() -> None:
    """The other one is written between check and write."""
    world = World()
    look, rivals = world.destinations.all, [SECOND]

    def look_and_be_overtaken() -> Rows[Versioned[Destination]]:
        found = look()
        # The first check is before the test upload; the second decides.
        if world.destinations.get("waiting") is None:
            world.destinations.put(acme(id="waiting", storage=StorageTarget("waiting")), None)
        elif rivals:
            put(world, rivals.pop())
        return found

    world.destinations.all = look_and_be_overtaken  # type: ignore[method-assign]

    refused(world, FIRST, by="second")

    assert set(stored(world)) == {"second", "waiting"}


def test_a_request_that_loses_every_round_is_a_conflict() -> None:
    """The number of rounds is bounded."""
    world = World()
    counted: list[int] = []

    def other(place: str) -> str | None:  # noqa: ARG001  every time another one
        counted.append(1)
        return str(len(counted))

    world.destinations.names_version = other  # type: ignore[method-assign]

    with pytest.raises(Conflict, match="keep claiming names"):
        put(world, FIRST)
    assert len(counted) == 2 * ROUNDS_MAX
    assert stored(world) == {}


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write", range(1, 3))
def test_a_crash_while_claiming_blocks_nothing(write: int, moment: str) -> None:
    """The request can be sent again; a second destination is either refused or created."""
    world = World(crash_at=write, moment=moment)
    for draft in (FIRST, FIRST):
        try:
            put(world, draft)
        except Crash:
            continue

    assert stored(world) == {"first": Status.DRAFT}
    refused(world, SECOND)
    delete(world.gateways, "first")
    put(world, SECOND)


def test_a_refused_change_of_an_active_destination_changes_nothing() -> None:
    """Also not its schedule, and no test upload runs."""
    world = World()
    put(world, FIRST)
    put(world, replace(SECOND, storage=StorageTarget("raw", URL, "b")))
    activate(world.gateways, "second", now=NOW, test_id="t")
    before = find_destination(world.gateways.destinations, "second"), world.schedule.all()
    tried: list[str] = []

    with pytest.raises(NotPossible):
        put_destination(
            world.gateways, SECOND, if_match=None, now=NOW, test=lambda each: tried.append(each.id)
        )

    assert (find_destination(world.gateways.destinations, "second"), world.schedule.all()) == before
    assert tried == []
