"""Stored values are read strictly at every level: no key may be unknown, and none may be missing."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from exporter.domain.versioned import UnreadableRowError
from exporter.storage.own import specs
from exporter.storage.own.documents import from_columns, to_columns
from exporter.storage.own.entities import Entity
from exporter.storage.own.tables import TableSpec
from tests.contract.samples import BACKFILL, DESTINATION, TRIAL, VERIFIED

# Filled samples: something stands in every field, so that every level is there.
SAMPLES: dict[str, tuple[TableSpec[*tuple[Any, ...], Any], tuple[Any, ...], Any]] = {
    "backfills": (specs.BACKFILLS, ("acme", BACKFILL.id), replace(BACKFILL, destination_id="acme")),
    "verifications": (specs.VERIFICATIONS, ("acme", VERIFIED.id), replace(VERIFIED, destination_id="acme")),
    "destinations": (specs.DESTINATIONS, (DESTINATION.id,), DESTINATION),
    "connection tests": (specs.CONNECTION_TESTS, ("acme",), TRIAL),
}


def objects(found: Any, path: str = "$") -> Iterator[tuple[str, dict[str, Any]]]:  # noqa: ANN401  any JSON
    """Yield every object of a document, with where it is."""
    if isinstance(found, dict):
        yield path, found
        for key, value in found.items():
            yield from objects(value, f"{path}.{key}")
    elif isinstance(found, list):
        for each in found:
            yield from objects(each, f"{path}[...]")


def places(kind: str) -> list[str]:
    """Return where the objects of a sample's document are."""
    spec, key, value = SAMPLES[kind]
    return [path for path, _ in objects(json.loads(from_columns(spec.encode(key, value))))]


EVERY = [(kind, number, path) for kind in SAMPLES for number, path in enumerate(places(kind))]


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_value_comes_back_as_it_was_stored(kind: str) -> None:
    """With the key that its row has."""
    spec, key, value = SAMPLES[kind]

    assert spec.decode(Entity(spec.name, spec.encode(key, value))) == (key, value)


@pytest.mark.parametrize(("kind", "number", "path"), EVERY, ids=str)
def test_an_unknown_or_a_missing_key_is_an_error_at_every_level(kind: str, number: int, path: str) -> None:
    """It names the table, the row, the column, and the key within its document."""
    spec, key, value = SAMPLES[kind]
    row = spec.encode(key, value)
    rest = {name: column for name, column in row.items() if not name.startswith("document")}
    names = list(list(objects(json.loads(from_columns(row))))[number][1])

    for name in [None, *names]:
        document = json.loads(from_columns(row))
        _, changed = list(objects(document))[number]
        if name is None:
            changed["more"] = 1
        else:
            del changed[name]
        bad = rest | to_columns(msgspec.json.encode(document))

        with pytest.raises(UnreadableRowError) as raised:
            spec.decode(Entity(spec.name, bad))

        unreadable = raised.value.row
        assert (unreadable.table, unreadable.key) == (spec.name, " / ".join(spec.keys(*key)))
        assert (unreadable.column, f"`{name or 'more'}`" in unreadable.why) == ("document", True)
        assert path == "$" or path.replace("[...]", "[0]").split("[0]")[0] in unreadable.why
