"""The destinations, as their owners made them."""

from dataclasses import replace

import pytest

from exporter.domain.destination import Compression, ExtraKeys, Output, Status, StorageTarget
from exporter.domain.errors import Conflict
from exporter.domain.names import NameStyle, PathLayout
from exporter.domain.times import TimestampFormat
from tests.contract.backends import NOW, Backend


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
