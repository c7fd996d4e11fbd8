"""The destinations, as their owners made them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.domain.destination import Compression, ExtraKeys, Output, Status, StorageTarget
from exporter.domain.errors import Conflict, Fault
from exporter.domain.names import NameStyle, PathLayout
from exporter.domain.stored import Versioned
from exporter.domain.times import TimestampFormat
from exporter.domain.trial import Report, Step, Trial
from tests.contract.backends import NOW, Backend
from tests.filters import condition, read


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
    assert (destinations.trial("acme"), destinations.trials()) == (None, {})
    fault = Fault("missing_action", "The credentials lack it.", "Grant it. 日本")
    first = Trial(NOW, Report((Step("write", fault), Step("read", skipped=True), Step("list"))))
    second = Trial(NOW + timedelta(microseconds=1), Report(()))

    for trial in (first, second):
        destinations.record_trial("acme", trial)
        destinations.record_trial("other", first)

        assert destinations.trial("acme") == trial
        assert destinations.trials() == {"acme": trial, "other": first}
    assert destinations.all() == [Versioned(backend.destination, etag)]


def test_a_test_upload_that_is_forgotten_may_be_forgotten_again(backend: Backend) -> None:
    """Even where there never was one."""
    destinations = backend.gateways.destinations
    destinations.record_trial("acme", None)
    destinations.record_trial("acme", Trial(NOW, Report(())))

    for _ in range(2):
        destinations.record_trial("acme", None)
        assert destinations.trial("acme") is None
