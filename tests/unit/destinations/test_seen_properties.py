"""The properties that rows have."""

import json

from exporter.destinations.preview import preview_unsaved
from exporter.destinations.seen_properties import PROPERTIES_MAX, PropertySample, SeenProperty
from exporter.domain.filter_parser import read_filter
from exporter.domain.hour_content import RowCounts
from tests.support.filters import condition, read
from tests.support.worlds import EVENTS, HOUR, NOW, a_world, an_event


def sample(*rows: object) -> dict[str, SeenProperty]:
    """Return the properties of rows by name."""
    found = PropertySample()
    for row in rows:
        found.add(json.dumps(row).encode())
    return {each.name: each for each in found.seen()}


def test_properties_are_found_inside_of_objects_with_their_kinds_and_frequent_values() -> None:
    """The most frequent first; what is null is not set, and a list counts with its elements."""
    rows = [
        {"event_type": "buy", "event_properties": {"cart": {"total": 9.5}, "a.b": True, "tags": ["x", "y"]}},
        {"event_type": "view", "event_properties": {"cart": {"total": 10**30}, "tags": ["x"], "": 1}},
        {"event_type": "buy", "event_properties": {"cart": None, "a.b": "yes"}, "city": None},
    ]

    assert sample(*rows) == {
        each.name: each
        for each in (
            SeenProperty("event_type", ("string",), 3, ('"buy"', '"view"')),
            SeenProperty("event_properties.cart.total", ("number",), 2, ("9.5", str(10**30))),
            SeenProperty("event_properties.a\\.b", ("boolean", "string"), 2, ("true", '"yes"')),
            SeenProperty("event_properties.tags", ("list",), 2, ('"x"', '"y"')),
        )
    }


def test_a_sample_is_bounded_whatever_the_keys_and_values_are() -> None:
    """Keys that are values, values that are unique, long texts and deep nesting."""
    deep: dict[str, object] = {}
    inner = deep
    for _ in range(100):
        inner["x"] = inner = {}
    rows = [
        {"event_properties": {f"key {number}": number, "id": number, "text": "x" * 500, "deep": deep}}
        for number in range(2 * PROPERTIES_MAX)
    ]

    found = sample(*rows)

    assert len(found) == PROPERTIES_MAX
    assert found["event_properties.id"].rows == 2 * PROPERTIES_MAX
    assert len(found["event_properties.id"].values) == 5
    assert found["event_properties.text"].values == ()
    assert not any("deep" in name for name in found)


def test_every_name_is_one_that_a_filter_accepts() -> None:
    """People choose from these names."""
    for name in sample({"event_properties": {"a.b\\c": 1, "d": {"e": 2}}, "groups": {"team": ["x"]}}):
        document = {"property": name, "operator": "is_set"}
        assert read_filter(document, lambda _pattern: 0, "filter").document == document


def test_a_preview_before_there_is_a_destination_shows_what_the_filter_keeps() -> None:
    """The properties are those of all rows, also of rows that the filter drops."""
    world = a_world()
    rows = [an_event(1), an_event(2, event_type="view"), an_event(3, paying="true")]
    world.land(EVENTS.stream, HOUR, rows)
    views = read(condition("event_type", "is", "view"))

    found, seen = preview_unsaved(187520, views, HOUR, world.gateways.landing, lambda: NOW)

    assert found.rows == RowCounts(exported=1, filtered=2)
    assert [json.loads(line)["event_type"] for line in found.examples] == ["view"]
    names = {each.name: each for each in seen}
    assert names["event_type"].values == ('"purchase"', '"view"')
    assert names["paying"] == SeenProperty("paying", ("boolean",), 1, ("true",))
    assert world.writes.log == []
