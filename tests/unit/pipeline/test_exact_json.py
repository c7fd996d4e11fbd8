"""Exact decoding: what is not known is not ignored, and what is missing is not made up."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from exporter.domain.claims import Claim
from exporter.domain.hour_content import HourContent, Provenance
from exporter.domain.hour_record import HourRecord
from exporter.domain.marker import Part
from exporter.pipeline.exact_json import ExactDecoder
from tests.contract.samples import RECORD

RECORDS = ExactDecoder(HourRecord)
CONTENTS = ExactDecoder(HourContent)
CLAIMS = ExactDecoder(Claim)
DOCUMENT = msgspec.json.encode(RECORD)


def objects(value: Any, path: str = "$") -> Iterator[tuple[str, dict[str, Any]]]:  # noqa: ANN401  any JSON
    """Yield every object in a value from JSON, with its path."""
    if isinstance(value, dict):
        yield path, value
        for key, each in value.items():
            yield from objects(each, f"{path}.{key}")
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from objects(each, f"{path}[{place}]")


PATHS = [path for path, _ in objects(msgspec.json.decode(DOCUMENT))]


def test_a_record_is_nested_in_all_of_its_parts() -> None:
    """The tests below reach each of them."""
    assert {"$", "$.work.claim", "$.work.refused.fault", "$.journal.in_doubt[0]", "$.sliced"} < set(PATHS)
    assert {"$.content.parts[0]", "$.content.origin.kept.landing", "$.journal.files[0].part"} < set(PATHS)


@pytest.mark.parametrize("path", PATHS)
def test_an_unknown_key_is_an_error_at_every_level(path: str) -> None:
    """The error names it."""
    document = msgspec.json.decode(DOCUMENT)
    dict(objects(document))[path]["surprise"] = 1

    named = re.escape(f"`{path}` has the unknown key `surprise`")
    with pytest.raises(ValueError, match=named):
        RECORDS.decode(msgspec.json.encode(document))


@pytest.mark.parametrize("path", PATHS)
def test_a_missing_key_is_an_error_at_every_level(path: str) -> None:
    """Even if its field has a default: nothing that was stored is replaced by one."""
    for key in dict(objects(msgspec.json.decode(DOCUMENT)))[path]:
        document = msgspec.json.decode(DOCUMENT)
        del dict(objects(document))[path][key]

        with pytest.raises(ValueError, match=rf"`{key}`"):
            RECORDS.decode(msgspec.json.encode(document))


def test_a_document_is_read_whatever_the_order_of_its_keys() -> None:
    """And whatever space is in it: what it says is the same."""
    document = msgspec.json.format(msgspec.json.encode(msgspec.json.decode(DOCUMENT), order="sorted"))

    assert RECORDS.decode(document) == RECORD


def test_a_wrong_type_is_an_error() -> None:
    """As it is for any decoder."""
    content = HourContent(parts=(Part("a", 1, 2, "md5"),), origin=Provenance("acme|raw|"))
    document = msgspec.json.encode(content)
    assert CONTENTS.decode(document) == content

    with pytest.raises(ValueError, match="Expected `int`"):
        CONTENTS.decode(document.replace(b'"rows":1', b'"rows":"1"'))


def test_a_time_without_a_zone_is_an_error() -> None:
    """It could be compared with no other."""
    claim = Claim("c", datetime(2026, 1, 31, tzinfo=UTC))
    document = msgspec.json.encode(claim).decode()
    assert CLAIMS.decode(document) == claim

    with pytest.raises(ValueError, match=r"`\$.until` is a time without a time zone"):
        CLAIMS.decode(document.replace("Z", ""))
