"""The destinations, as their owners made them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.destinations.edit import Draft, put_destination
from exporter.domain.connection_test import ConnectionReport, ConnectionStep, ConnectionTest
from exporter.domain.destination import (
    Compression,
    CredentialsType,
    ExtraKeys,
    Output,
    Status,
    StorageTarget,
)
from exporter.domain.errors import Conflict, Fault, NotPossible
from exporter.domain.file_names import NameStyle, PathLayout
from exporter.domain.timestamps import TimestampFormat
from exporter.domain.versioned import Versioned
from tests.contract.backends import NOW, Backend
from tests.support.filters import condition, read


def test_a_destination_comes_back_as_it_went(backend: Backend) -> None:
    """Every field, those with defaults too."""
    destinations = backend.gateways.destinations
    destination = replace(
        backend.destination,
        name="Ünïcode 日本 🎈",
        storage=StorageTarget("raw", "https://acme.blob.core.windows.net", "a/b"),
        org_id=2**40,
        output=Output(
            NameStyle.SAFE,
            PathLayout.BY_PROJECT,
            TimestampFormat.AMPLITUDE,
            ExtraKeys.KEEP,
            completion_marker=False,
            max_part_mib=7,
            compression=Compression.SMALL,
        ),
        status=Status.PAUSED,
        activated_at=NOW,
        events_since=NOW + timedelta(days=1),
        event_filter=read({"all": [condition(r"event_properties.ä\.b", "is", "🎈", 2**64 - 1, 0.5)]}),
    )
    assert destinations.get("acme") is None

    etag = destinations.put(destination, None)

    found = destinations.get("acme")
    assert found is not None
    assert (found.value, found.etag) == (destination, etag)
    assert destinations.all() == [found]


def test_destinations_are_listed_by_id_and_the_active_ones_apart(backend: Backend) -> None:
    """A tick reads those alone."""
    destinations = backend.gateways.destinations
    assert destinations.all() == []
    assert destinations.active() == []
    for number, status in ((3, Status.ACTIVE), (10, Status.ACTIVE), (2, Status.PAUSED), (1, Status.DRAFT)):
        destinations.put(replace(backend.destination, id=f"d{number}", status=status), None)

    assert [found.value.id for found in destinations.all()] == ["d1", "d10", "d2", "d3"]
    assert [found.id for found in destinations.active()] == ["d10", "d3"]


def test_destinations_are_read_page_by_page(backend: Backend) -> None:
    """By id, from after the last one of the page before; deleted ones apart."""
    destinations = backend.gateways.destinations
    for number in range(7):
        status = Status.DELETED if number in {2, 5} else Status.ACTIVE
        destinations.put(replace(backend.destination, id=f"d{number}", status=status), None)
        destinations.record_test(f"d{number}", None)
    destinations.put_with_names(replace(backend.destination, id="d9"), None, {"account|raw": None})
    backend.spoil("destinations", "destination", "d1")

    first = destinations.page("", 2, deleted=False)
    second = destinations.page("d1", 3, deleted=False)
    last = destinations.page("d6", 1, deleted=False)

    assert ([each.id for each in first], first.next_after) == (["d0"], "d1")
    assert [row.row_key for row in first.unreadable] == ["d1"]
    assert ([each.id for each in second], second.next_after) == (["d3", "d4", "d6"], "d6")
    assert ([each.id for each in last], last.next_after) == (["d9"], None)
    assert destinations.page("d9", 5, deleted=False) == []
    deleted = destinations.page("", 2, deleted=True)
    assert ([each.id for each in deleted], deleted.next_after) == (["d2", "d5"], None)


def test_only_who_has_seen_a_destination_may_change_it(backend: Backend) -> None:
    """Two people at the same form: the second one is told."""
    destinations = backend.gateways.destinations
    first = destinations.put(backend.destination, None)
    second = destinations.put(replace(backend.destination, name="second"), first)
    assert destinations.put(replace(backend.destination, name="second"), first) == second

    for etag in (None, first):
        with pytest.raises(Conflict):
            destinations.put(replace(backend.destination, name="third"), etag)

    found = destinations.get("acme")
    assert found is not None
    assert found.value.name == "second"


def test_a_test_upload_is_kept_beside_its_destination(backend: Backend) -> None:
    """Every step of it; it changes neither the destination nor its ETag, and a later one takes its place."""
    destinations = backend.gateways.destinations
    etag = destinations.put(backend.destination, None)
    assert (destinations.last_test("acme"), destinations.last_tests("acme", "acme")) == (None, {})
    fault = Fault("missing_action", "The credentials lack it.", "Grant it. 日本")
    first = ConnectionTest(
        NOW,
        ConnectionReport(
            (ConnectionStep("write", fault), ConnectionStep("read", skipped=True), ConnectionStep("list"))
        ),
    )
    second = ConnectionTest(NOW + timedelta(microseconds=1), ConnectionReport(()))

    for trial in (first, second):
        destinations.record_test("acme", trial)
        destinations.record_test("other", first)

        assert destinations.last_test("acme") == trial
        assert destinations.last_tests("acme", "other") == {"acme": trial, "other": first}
        assert destinations.last_tests("b", "other") == {"other": first}
    assert destinations.all() == [Versioned(backend.destination, etag)]


def test_a_test_upload_that_is_forgotten_may_be_forgotten_again(backend: Backend) -> None:
    """Even where there never was one."""
    destinations = backend.gateways.destinations
    destinations.record_test("acme", None)
    destinations.record_test("acme", ConnectionTest(NOW, ConnectionReport(())))

    for _ in range(2):
        destinations.record_test("acme", None)
        assert destinations.last_test("acme") is None


PLACE = "acme.blob.core.windows.net|raw"


def test_names_are_taken_together_with_the_destination_or_not_at_all(backend: Backend) -> None:
    """Every writer makes a new version; who knows another one than the latest changes nothing."""
    destinations = backend.gateways.destinations
    assert destinations.names_version(PLACE) is None

    etag = destinations.put_with_names(backend.destination, None, {PLACE: None})
    first = destinations.names_version(PLACE)

    assert destinations.all() == [Versioned(backend.destination, etag)]
    changed = replace(backend.destination, name="changed")
    latest = destinations.put_with_names(changed, etag, {PLACE: first})
    second = destinations.names_version(PLACE)
    other = replace(backend.destination, id="other")
    for version in (None, first):
        with pytest.raises(Conflict):
            destinations.put_with_names(other, None, {PLACE: version})
    for wrong in (None, etag):
        with pytest.raises(Conflict):
            destinations.put_with_names(backend.destination, wrong, {PLACE: second})
    assert destinations.all() == [Versioned(changed, latest)]
    assert destinations.names_version(PLACE) == second

    destinations.put_with_names(other, None, {PLACE: second})
    assert len({None, first, second, destinations.names_version(PLACE)}) == 4
    assert [found.value for found in destinations.all()] == [changed, other]


def test_the_names_of_a_container_say_nothing_about_another_one(backend: Backend) -> None:
    """Nor are they taken for a destination."""
    destinations = backend.gateways.destinations
    active = replace(backend.destination, status=Status.ACTIVE)
    destinations.put_with_names(active, None, {PLACE: None})

    assert destinations.names_version(f"{PLACE}2") is None
    assert destinations.active() == [active]
    assert len(destinations.all()) == 1


def test_names_in_several_containers_are_taken_together(backend: Backend) -> None:
    """One that was taken by another writer meanwhile keeps all of them as they were."""
    destinations = backend.gateways.destinations
    etag = destinations.put_with_names(backend.destination, None, {PLACE: None, "|b": None})
    seen = {place: destinations.names_version(place) for place in (PLACE, "|b")}
    assert None not in seen.values()

    other = replace(backend.destination, id="other")
    for versions in (
        {PLACE: seen[PLACE], "|b": None},
        {PLACE: seen[PLACE], "|b": seen["|b"], "|c": seen["|b"]},
    ):
        with pytest.raises(Conflict):
            destinations.put_with_names(other, None, versions)
    assert {place: destinations.names_version(place) for place in (PLACE, "|b")} == seen
    assert destinations.all() == [Versioned(backend.destination, etag)]


def test_of_many_who_take_names_at_once_one_does(backend: Backend) -> None:
    """Each has seen the same version."""
    destinations = backend.gateways.destinations

    def take(number: int) -> bool:
        mine = replace(backend.destination, id=f"d{number}")
        try:
            destinations.put_with_names(mine, None, {PLACE: None})
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(take, range(8))) == [False] * 7 + [True]
    assert len(destinations.all()) == 1


def test_of_many_destinations_with_the_same_names_that_are_put_at_once_one_is_made(backend: Backend) -> None:
    """The others are told whose the names are."""

    def put(number: int) -> str:
        draft = Draft(
            id=f"d{number}",
            name="Acme",
            storage=StorageTarget("raw", "https://acme.blob.core.windows.net"),
            credentials_type=CredentialsType.MANAGED_IDENTITY,
            secret=None,
            project_id=187520,
            org_id=None,
            output=Output(),
        )
        try:
            return put_destination(backend.gateways, draft, if_match=None, now=NOW)[0].value.id
        except NotPossible as refused:
            return str(refused)

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(put, range(8)))

    (made,) = (found.value.id for found in backend.gateways.destinations.all())
    assert said.count(made) == 1
    assert sum(text.startswith(f"The destination {made} owns the same file names") for text in said) == 7
